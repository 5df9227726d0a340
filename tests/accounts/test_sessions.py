"""The session engine: keys are not stored, limits hold, what has ended stays ended."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from asgiref.sync import sync_to_async
from django.contrib.auth import SESSION_KEY
from django.contrib.auth.models import AnonymousUser
from django.contrib.sessions.backends.base import UpdateError
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import sessions
from accounts.models import Session, TOTPDevice, User
from accounts.sessions import SessionStore, Verification
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def alice() -> User:
    return factories.alice()


def signed_in(user: User, **data: Any) -> SessionStore:
    store = SessionStore()
    store.update({SESSION_KEY: str(user.pk), **data})
    store.save()
    return SessionStore(store.session_key)


def test_key_is_stored_nowhere(alice: User) -> None:
    key = signed_in(alice).session_key
    assert key
    row = Session.objects.values().get()
    assert key not in str(row)
    assert row["key_hash"] == sessions.key_hash(key)
    assert len(row["key_hash"]) == 64


def test_data_and_person_come_back(alice: User) -> None:
    store = signed_in(alice, colour="green")
    assert (store["colour"], store.owner(), store.ended) == ("green", alice, False)
    assert Session.objects.get().user == alice


def test_unknown_key_never_becomes_a_session() -> None:
    for key in ("a" * 32, "0" * 31, "A" * 32, "", "' OR 1=1", "é" * 32, "x" * 5000):
        store = SessionStore(key)
        assert dict(store.items()) == {}
        assert store.session_key is None
        store["left"] = "here"
        store.save()
        assert store.session_key != key
    assert not Session.objects.filter(pk=sessions.key_hash("a" * 32)).exists()


def test_malformed_key_costs_no_query(django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(0):
        assert SessionStore("not a key").get("anything") is None


def test_anonymous_requests_leave_no_rows() -> None:
    browser = factories.browser()
    for path in ("/", "/login/", "/account/", "/admin/", "/nowhere/", "/livez"):
        browser.get(path)
    factories.enter_password(browser, "nobody-here")
    assert Session.objects.count() == 0


@pytest.mark.parametrize(("minutes", "alive"), [(29, True), (30, False), (31, False)])
def test_idle_limit(alice: User, minutes: int, alive: bool) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        store = signed_in(alice)
        clock.shift(timedelta(minutes=minutes))
        assert bool(store.get(SESSION_KEY)) is alive
        assert (store.ended, store.owner()) == (not alive, alice)


@pytest.mark.parametrize(("minutes", "alive"), [(-1, True), (0, False)])
def test_absolute_limit_however_much_it_is_used(alice: User, minutes: int, alive: bool) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        key = signed_in(alice).session_key
        for _ in range(12 * 3 - 1):
            clock.shift(timedelta(minutes=20))
            store = SessionStore(key)
            assert store.get(SESSION_KEY)
            store.cycle_key()  # as verifying again does: it proves who, it does not begin anew
            store.save()
            key = store.session_key
        clock.move_to(NOW + timedelta(hours=12, minutes=minutes))
        assert bool(SessionStore(key).get(SESSION_KEY)) is alive


def test_lowered_limit_holds_for_sessions_that_exist(alice: User, settings: Any) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        store = signed_in(alice)
        clock.shift(timedelta(minutes=10))
        settings.ZT_SESSION_IDLE = 9 * 60
        assert store.get(SESSION_KEY) is None


def test_use_is_noted_at_most_once_a_minute(alice: User, django_assert_num_queries: Any) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        key = signed_in(alice).session_key
        clock.shift(timedelta(seconds=59))
        with django_assert_num_queries(1):
            SessionStore(key).get(SESSION_KEY)
        assert Session.objects.get().last_seen_at == NOW
        clock.shift(timedelta(seconds=1))
        with django_assert_num_queries(2):
            SessionStore(key).get(SESSION_KEY)
        row = Session.objects.get()
        assert (row.last_seen_at, row.expire_date) == (NOW + timedelta(minutes=1), NOW + timedelta(minutes=31))


def test_cycled_key_is_dead_and_the_row_goes_on(alice: User) -> None:
    store = signed_in(alice, colour="green")
    old = store.session_key
    store.cycle_key()
    store.save()
    assert SessionStore(old).get(SESSION_KEY) is None
    assert SessionStore(store.session_key)["colour"] == "green"
    assert Session.objects.count() == 1


def test_flushed_session_is_a_record_that_opens_nothing(alice: User) -> None:
    store = signed_in(alice, colour="green")
    key = store.session_key
    store.flush()
    row = Session.objects.get()
    assert (row.user, row.session_data, row.ended_at is not None) == (alice, "", True)
    again = SessionStore(key)
    assert (again.get("colour"), again.session_key, again.ended, again.owner()) == (None, None, True, alice)


def test_ended_session_is_not_revived_by_a_request_under_way(alice: User) -> None:
    store = signed_in(alice)
    store["colour"] = "green"
    sessions.end_all(alice)
    with pytest.raises(UpdateError):
        store.save()
    assert Session.objects.get().session_data == ""


def test_ending_all_spares_the_one_asked_for_and_other_people(alice: User) -> None:
    here, there, bobs = signed_in(alice), signed_in(alice), signed_in(factories.bob())
    assert sessions.end_all(alice, except_key=here.session_key) == 1
    alive = [SessionStore(store.session_key).get(SESSION_KEY) is not None for store in (here, there, bobs)]
    assert alive == [True, False, True]
    assert sessions.end_all(alice) == 1
    assert sessions.end_all(alice) == 0


def test_one_sign_in_too_many_ends_the_one_unused_for_longest(alice: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        stores = []
        for _ in range(sessions.MOST_AT_ONCE):
            stores.append(signed_in(alice))
            clock.shift(timedelta(seconds=10))
        assert sessions.end_surplus(alice) == 1
        alive = [SessionStore(store.session_key).get(SESSION_KEY) is not None for store in stores]
    assert alive == [False] + [True] * (sessions.MOST_AT_ONCE - 1)


def test_clearing_keeps_records_for_ninety_days(alice: User) -> None:
    with time_machine.travel(NOW, tick=False) as clock:
        signed_in(alice)
        half = SessionStore()
        half["sign_in"] = {}
        half.save()
        clock.shift(timedelta(minutes=29))
        call_command("clearsessions")
        assert Session.objects.filter(ended_at=None).count() == 2
        clock.shift(timedelta(minutes=1))
        call_command("clearsessions")
        row = Session.objects.get()
        assert (row.user, row.ended_at, row.session_data) == (alice, NOW + timedelta(minutes=30), "")
        clock.shift(timedelta(days=90))
        call_command("clearsessions")
        assert not Session.objects.exists()


def test_address_browser_and_start_are_those_of_the_sign_in(alice: User) -> None:
    browser = factories.browser(REMOTE_ADDR="203.0.113.7", HTTP_USER_AGENT="Firefox " + "x" * 300)
    with time_machine.travel(NOW, tick=False):
        factories.enter_password(browser, alice)
    with time_machine.travel(NOW + timedelta(minutes=5), tick=False):
        device = TOTPDevice.objects.get(user=alice)
        browser.post(reverse("accounts:verify"), {"code": factories.code(device)})
        row = Session.objects.get()
    assert (row.address, row.browser[:9], len(row.browser)) == ("203.0.113.7", "Firefox x", 250)
    assert row.created_at == NOW + timedelta(minutes=5)


def request_with(store: SessionStore) -> Any:
    class Request:
        session = store
        user = AnonymousUser()

    return Request()


def test_verifications_hold_while_their_device_does(alice: User) -> None:
    phone, tablet = TOTPDevice.objects.get(user=alice), factories.app(alice, "tablet")
    store = signed_in(alice)
    store.add_verification(phone, NOW)
    store.add_verification(tablet, NOW + timedelta(minutes=1))
    store.add_verification(phone, NOW + timedelta(minutes=2))
    store.save()

    def found() -> list[Verification]:
        return list(sessions.verifications(request_with(SessionStore(store.session_key))))

    both = [Verification("totp", NOW + timedelta(minutes=1)), Verification("totp", NOW + timedelta(minutes=2))]
    assert found() == both
    TOTPDevice.objects.filter(pk=phone.pk).update(confirmed=False)
    assert found() == both[:1]
    TOTPDevice.objects.filter(pk=phone.pk).update(confirmed=True)
    assert found() == both
    tablet.delete()
    assert found() == both[1:]
    TOTPDevice.objects.filter(pk=phone.pk).update(user=factories.bob())
    assert found() == []


def test_django_test_client_and_force_login_work(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert client.session[SESSION_KEY] == str(alice.pk)
    client.logout()
    assert Session.objects.get().ended_at is not None


def test_person_who_may_not_come_in_is_still_known(alice: User) -> None:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    User.objects.update(is_active=False)
    store = SessionStore(browser.cookies["zt"].value)
    assert (store.owner(), store.ended) == (alice, False)


@pytest.mark.django_db(transaction=True)
def test_asynchronous_half(alice: User) -> None:
    async def walk() -> None:
        store = SessionStore()
        await store.aset(SESSION_KEY, str(alice.pk))
        await store.asave()
        old = store.session_key
        await store.acycle_key()
        await store.asave()
        assert await SessionStore(old).aget(SESSION_KEY) is None
        again = SessionStore(store.session_key)
        assert await again.aget(SESSION_KEY) == str(alice.pk)
        await again.aflush()
        assert await SessionStore(store.session_key).aget(SESSION_KEY) is None
        await SessionStore.aclear_expired()
        await sync_to_async(lambda: connection.close())()  # noqa: PLW0108 (that of the thread where this ran)

    asyncio.run(walk())
    assert Session.objects.get().ended_at <= timezone.now()  # type: ignore[operator]
