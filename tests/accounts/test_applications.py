"""A session is carried to one host at a time, by a ticket that is good once, and ends where it began."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import pytest
from django.conf import settings
from django.utils import timezone

from accounts import applications, sessions
from accounts.applications import Entrance, Visitor, challenge_of, find, issue_ticket, new_secret, redeem, sign_out
from accounts.authenticators.totp import TOTPDevice
from accounts.models import ApplicationSession, ApplicationTicket, Session, User
from audit.models import Entry
from tests import factories
from tests.at_once import at_once

pytestmark = pytest.mark.django_db

HOST, OTHER = "app.example.test", "hr.example.test"
TARGET = f"https://{HOST}/books?page=2"
SECOND = timedelta(seconds=1)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def alice() -> User:
    return factories.alice(enrolled=False)


@pytest.fixture
def session(alice: User) -> Session:
    return factories.session(alice)


@dataclass(frozen=True)
class Way:
    """A ticket and everything that has to fit when it is exchanged."""

    ticket: str
    host: str
    secret: str
    at: datetime

    def redeem(self) -> Entrance | None:
        return redeem(ticket=self.ticket, host=self.host, secret=self.secret, address=None, at=self.at)


@pytest.fixture
def way(session: Session, now: datetime) -> Way:
    secret = new_secret()
    ticket = issue_ticket(sid=session.sid, host=HOST, challenge=challenge_of(secret), target=TARGET, at=now)
    return Way(ticket, HOST, secret, now)


# ---------------------------------------------------------------- tickets
def test_a_ticket_is_exchanged_for_a_cookie_and_the_page_that_was_wanted(way: Way, alice: User) -> None:
    entrance = way.redeem()
    assert entrance is not None
    assert entrance.target == TARGET
    visitor = find(key=entrance.key, host=HOST, at=way.at)
    assert visitor is not None
    assert (visitor.user, visitor.session_active, [given.factor for given in visitor.verifications]) == (
        alice,
        True,
        ["totp"],
    )
    entry = Entry.objects.get(kind="application.entered")
    assert (entry.actor, entry.subject, entry.data) == ("user:alice", "user:alice", {"address": None, "host": HOST})


def test_keys_and_tickets_are_stored_as_hashes_alone(way: Way) -> None:
    assert ApplicationTicket.objects.get().key_hash == sessions.key_hash(way.ticket)
    entrance = way.redeem()
    assert entrance is not None
    stored = str(list(ApplicationSession.objects.values())) + str(list(Entry.objects.values()))
    assert [text for text in (way.ticket, way.secret, entrance.key) if text in stored] == []


@pytest.mark.parametrize(
    ("change", "good"),
    [
        (lambda way: way, True),
        (lambda way: replace(way, at=way.at + timedelta(seconds=59)), True),
        (lambda way: replace(way, at=way.at + timedelta(seconds=60)), False),  # the window excludes its end
        (lambda way: replace(way, at=way.at + timedelta(seconds=61)), False),
        (lambda way: replace(way, host=OTHER), False),
        (lambda way: replace(way, host=f"x.{HOST}"), False),
        (lambda way: replace(way, host=HOST.upper()), False),  # hosts come here as they are compared
        (lambda way: replace(way, host=""), False),
        (lambda way: replace(way, secret=new_secret()), False),
        (lambda way: replace(way, secret=""), False),
        (lambda way: replace(way, secret=way.ticket), False),
        (lambda way: replace(way, secret=challenge_of(way.secret)), False),
        (lambda way: replace(way, ticket=new_secret()), False),
        (lambda way: replace(way, ticket=""), False),
        (lambda way: replace(way, ticket=sessions.key_hash(way.ticket)), False),  # what the database holds
        (lambda way: replace(way, ticket=way.ticket[:-1]), False),
        (lambda way: replace(way, ticket=f"{way.ticket}="), False),
        (lambda way: replace(way, ticket=f"{way.ticket}\n"), False),
        (lambda way: replace(way, ticket=way.ticket.swapcase()), False),
        (lambda way: replace(way, ticket="\x00" * 43), False),
    ],
)
def test_a_ticket_is_for_one_host_one_browser_and_one_minute(
    way: Way, change: Callable[[Way], Way], good: bool
) -> None:
    assert (change(way).redeem() is not None) is good
    assert ApplicationSession.objects.count() == good


def test_a_ticket_that_was_shown_with_another_secret_is_still_good_for_its_own(way: Way) -> None:
    """Whoever learns a ticket can not use it, and can not use it up either."""
    assert replace(way, secret=new_secret()).redeem() is None
    assert way.redeem() is not None


def test_a_ticket_is_good_once(way: Way) -> None:
    assert way.redeem() is not None
    assert way.redeem() is None
    assert ApplicationSession.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_a_ticket_is_good_once_among_twenty_at_the_same_moment(way: Way) -> None:
    found = at_once([way.redeem] * 20, workers=20)
    assert len([entrance for entrance in found if entrance]) == 1
    assert ApplicationSession.objects.count() == 1
    assert Entry.objects.filter(kind="application.entered").count() == 1


def end(session: Session) -> None:
    sessions.end(Session.objects.filter(sid=session.sid))


@pytest.mark.parametrize("ended", [True, False])
def test_a_ticket_ends_with_its_session(way: Way, session: Session, ended: bool) -> None:
    if ended:
        end(session)
    assert (way.redeem() is None) is ended


def test_a_ticket_ends_with_a_session_that_runs_out(way: Way, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(last_seen_at=way.at - timedelta(seconds=settings.ZT_SESSION_IDLE))
    assert way.redeem() is None


def test_a_ticket_outlives_a_new_key_of_its_session(way: Way, session: Session) -> None:
    Session.objects.filter(pk=session.pk).update(key_hash="0" * 64)
    assert way.redeem() is not None


def test_tickets_that_ran_out_are_thrown_away(way: Way, session: Session) -> None:
    def another(at: datetime) -> list[datetime]:
        issue_ticket(sid=session.sid, host=HOST, challenge="0" * 64, target=TARGET, at=at)
        return list(ApplicationTicket.objects.order_by("expires_at").values_list("expires_at", flat=True))

    assert another(way.at + 59 * SECOND) == [way.at + 60 * SECOND, way.at + 119 * SECOND]
    assert another(way.at + 60 * SECOND) == [way.at + 119 * SECOND, way.at + 120 * SECOND]


# ---------------------------------------------------------------- cookies
@pytest.fixture
def key(session: Session, now: datetime) -> str:
    return factories.application_cookie(session, HOST, at=now)


def test_a_cookie_opens_its_own_host_alone(key: str, session: Session, now: datetime) -> None:
    other = factories.application_cookie(session, OTHER, at=now)
    cookies = {"key": key, "other": other}
    hosts = (HOST, OTHER, "", "*.example.test", f"{HOST}.")
    opened = {(name, host) for name in cookies for host in hosts if find(key=cookies[name], host=host, at=now)}
    assert opened == {("key", HOST), ("other", OTHER)}


def test_cookies_that_were_never_given_out_are_nobody(key: str, session: Session, now: datetime) -> None:
    secret = new_secret()
    never = [
        "", " ", secret, key[:-1], key + "A", key.swapcase(), key[::-1], f"{key}\n", f'"{key}"', sessions.key_hash(key),
        str(session.sid), session.pk, "null", "\x00" * 43, "é" * 43, "A" * 100_000,
    ]  # fmt: skip
    assert [cookie for cookie in never if find(key=cookie, host=HOST, at=now)] == []
    assert find(key=key, host=HOST, at=now) is not None


Fact = Callable[[Session, datetime], object]


def update(**fields: object) -> Fact:
    return lambda session, _at: Session.objects.filter(pk=session.pk).update(**fields)


ENDINGS: list[tuple[str, Fact, bool]] = [
    ("nothing", lambda _session, _at: None, True),
    ("ended", lambda session, _at: end(session), False),
    ("a new key", update(key_hash="0" * 64), True),
    ("almost idle", lambda session, at: update(last_seen_at=at - idle() + SECOND)(session, at), True),
    ("idle", lambda session, at: update(last_seen_at=at - idle())(session, at), False),
    ("almost too old", lambda session, at: update(created_at=at - absolute() + SECOND)(session, at), True),
    ("too old", lambda session, at: update(created_at=at - absolute())(session, at), False),
    ("password changed", lambda session, _at: change_password(session), False),
    ("another's data", update(session_data=""), False),
    ("data of another secret key", update(session_data="e30:1wXyZ:signature"), False),
    ("ended with all", lambda session, _at: sessions.end_all(session.user), False),
]


def idle() -> timedelta:
    return timedelta(seconds=settings.ZT_SESSION_IDLE)


def absolute() -> timedelta:
    return timedelta(seconds=settings.ZT_SESSION_ABSOLUTE)


def change_password(session: Session) -> None:
    assert session.user is not None
    session.user.set_password("another wren 59 pebble")
    session.user.save()


@pytest.mark.parametrize(("fact", "active"), [row[1:] for row in ENDINGS], ids=[row[0] for row in ENDINGS])
def test_what_ends_the_session_ends_what_was_made_from_it(
    key: str, session: Session, now: datetime, fact: Fact, active: bool
) -> None:
    fact(session, now)
    visitor = find(key=key, host=HOST, at=now)
    assert visitor is not None
    assert (visitor.session_active, bool(visitor.verifications)) == (active, active)


@pytest.mark.parametrize(
    "fields", [{"is_active": False}, {"quarantined_at": timezone.now()}], ids=["disabled", "quarantined"]
)
def test_the_person_is_found_as_of_now(key: str, alice: User, now: datetime, fields: dict[str, object]) -> None:
    User.objects.filter(pk=alice.pk).update(**fields)
    visitor = find(key=key, host=HOST, at=now)
    assert visitor is not None
    assert {name: getattr(visitor.user, name) for name in fields} == fields


@pytest.mark.parametrize("how", ["deleted", "not confirmed", "of somebody else"])
def test_a_factor_that_is_gone_proves_nothing(key: str, alice: User, now: datetime, how: str) -> None:
    device = TOTPDevice.objects.filter(user=alice)
    if how == "deleted":
        device.delete()
    elif how == "not confirmed":
        device.update(confirmed=False)
    else:
        device.update(user=factories.bob(enrolled=False))
    assert find(key=key, host=HOST, at=now) == Visitor(alice, session_active=True, verifications=())


def test_a_deleted_person_is_nobody(key: str, alice: User, now: datetime) -> None:
    alice.delete()
    assert find(key=key, host=HOST, at=now) is None


def test_a_session_without_second_factor_carries_none(alice: User, now: datetime) -> None:
    key = factories.application_cookie(factories.session(alice, verified=False), HOST, at=now)
    assert find(key=key, host=HOST, at=now) == Visitor(alice, session_active=True, verifications=())


def test_an_application_in_use_keeps_the_session_alive(key: str, session: Session, now: datetime) -> None:
    """Also while the portal itself is not looked at, and never beyond the absolute end."""
    step, at = idle() - timedelta(minutes=1), now
    while at + step < session.created_at + absolute():
        at += step
        visitor = find(key=key, host=HOST, at=at)
        assert visitor is not None
        assert visitor.session_active, at - now
    session.refresh_from_db()
    assert session.last_seen_at == at
    ended = find(key=key, host=HOST, at=session.created_at + absolute())
    assert ended is not None
    assert not ended.session_active


def test_a_session_is_noted_as_used_at_most_once_a_minute(key: str, session: Session, now: datetime) -> None:
    Session.objects.filter(pk=session.pk).update(last_seen_at=now)
    find(key=key, host=HOST, at=now + timedelta(seconds=59))
    assert Session.objects.get(pk=session.pk).last_seen_at == now
    find(key=key, host=HOST, at=now + timedelta(seconds=60))
    assert Session.objects.get(pk=session.pk).last_seen_at == now + timedelta(seconds=60)


def test_the_oldest_of_too_many_cookies_for_one_host_ends(session: Session, now: datetime) -> None:
    """Several tabs may come at once; an endless number of rows may not."""
    keys = [
        factories.application_cookie(session, HOST, at=now + number * SECOND)
        for number in range(applications.MOST_AT_ONCE + 2)
    ]
    elsewhere = factories.application_cookie(session, OTHER, at=now)
    found = [find(key=key, host=HOST, at=now) is not None for key in keys]
    assert found == [False] * 2 + [True] * applications.MOST_AT_ONCE
    assert find(key=elsewhere, host=OTHER, at=now) is not None


# ---------------------------------------------------------------- out
def test_signing_out_of_one_host_ends_the_whole_session(key: str, session: Session, now: datetime) -> None:
    other = factories.application_cookie(session, OTHER, at=now)
    assert sign_out(key=key, host=HOST, address=None, at=now) is True
    session.refresh_from_db()
    assert (session.ended_at, session.session_data) == (now, "")
    for cookie, host in ((key, HOST), (other, OTHER)):
        visitor = find(key=cookie, host=host, at=now)
        assert visitor is not None
        assert not visitor.session_active
    entry = Entry.objects.get(kind="sign_out")
    assert (entry.actor, entry.data) == ("user:alice", {"address": None, "host": HOST})


@pytest.mark.parametrize("host", [OTHER, "", "APP.example.test"])
def test_a_cookie_of_another_host_signs_nobody_out(key: str, session: Session, now: datetime, host: str) -> None:
    assert sign_out(key=key, host=host, address=None, at=now) is False
    session.refresh_from_db()
    assert session.ended_at is None


def test_signing_out_twice_ends_once(key: str, now: datetime) -> None:
    done = [sign_out(key=key, host=HOST, address=None, at=now) for _ in range(2)]
    assert (done, Entry.objects.filter(kind="sign_out").count()) == ([True, False], 1)


def test_signing_out_leaves_other_sessions_of_the_person(key: str, alice: User, now: datetime) -> None:
    elsewhere = factories.application_cookie(factories.session(alice), HOST, at=now)
    sign_out(key=key, host=HOST, address=None, at=now)
    visitor = find(key=elsewhere, host=HOST, at=now)
    assert visitor is not None
    assert visitor.session_active
