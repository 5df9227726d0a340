"""Changing second factors ends other sessions and is recorded."""

import pytest
from django.contrib.auth import SESSION_KEY
from django_otp import user_has_device

from accounts import factors
from accounts.authenticators import recovery
from accounts.authenticators.recovery import RecoveryCodeDevice
from accounts.authenticators.totp import TOTPDevice
from accounts.factors import FactorError
from accounts.models import User
from accounts.sessions import SessionStore
from audit.models import Entry
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def here(alice: User) -> SessionStore:
    return session_of(alice)


@pytest.fixture
def there(alice: User) -> SessionStore:
    return session_of(alice)


def session_of(user: User) -> SessionStore:
    store = SessionStore()
    store[SESSION_KEY] = str(user.pk)
    store.save()
    return store


def alive(store: SessionStore) -> bool:
    return SessionStore(store.session_key).get(SESSION_KEY) is not None


def last_entry() -> tuple[str, str, str, dict[str, object]]:
    entry = Entry.objects.latest("pk")
    return entry.kind, entry.actor, entry.subject, entry.data


def test_another_app_counts_once_its_code_is_right(alice: User, here: SessionStore, there: SessionStore) -> None:
    tablet = factories.app(alice, "tablet", confirmed=False)
    assert not factors.confirm(device=tablet, code=factories.wrong_code(tablet), except_key=here.session_key)
    assert (alive(here), alive(there)) == (True, True)
    assert factors.confirm(device=tablet, code=factories.code(tablet), except_key=here.session_key)
    assert (alive(here), alive(there)) == (True, False)
    data = {"factor": "totp", "name": "tablet"}
    assert last_entry() == ("factor.enrolled", "user:alice", "user:alice", data)


def test_one_of_two_apps_can_be_removed_the_last_one_not(alice: User, here: SessionStore, there: SessionStore) -> None:
    tablet = factories.app(alice, "tablet")
    factors.remove(device=tablet, by=alice, except_key=here.session_key)
    assert (alive(here), alive(there)) == (True, False)
    data = {"factor": "totp", "name": "tablet", "reason": ""}
    assert last_entry() == ("factor.removed", "user:alice", "user:alice", data)
    phone = TOTPDevice.objects.get(user=alice)
    with pytest.raises(FactorError, match="`phone` is the last authenticator app of `user:alice`: enrol another first"):
        factors.remove(device=phone, by=alice)
    assert TOTPDevice.objects.get(user=alice) == phone


def test_app_that_is_being_enrolled_does_not_make_another_one_removable(alice: User) -> None:
    factories.app(alice, "tablet", confirmed=False)
    with pytest.raises(FactorError):
        factors.remove(device=TOTPDevice.objects.get(user=alice, confirmed=True), by=alice)


def test_new_recovery_codes_void_the_old_ones(alice: User, here: SessionStore, there: SessionStore) -> None:
    codes = factors.issue_recovery_codes(user=alice, except_key=here.session_key)
    assert (alive(here), alive(there)) == (True, False)
    assert len(codes) == 10
    assert RecoveryCodeDevice.objects.get(user=alice).left == 10
    assert not recovery.has_saved(alice)


def test_reset_takes_every_factor_and_ends_every_session(alice: User, here: SessionStore) -> None:
    carol = factories.carol()
    User.objects.filter(pk=alice.pk).update(factor_failures=7)
    assert factors.reset(user=alice, by=carol, reason="lost phone") == 2
    alice.refresh_from_db()
    assert (user_has_device(alice, confirmed=None), alice.factor_failures, alive(here)) == (False, 0, False)
    assert user_has_device(carol)
    data = {"factor": "all", "reason": "lost phone"}
    assert last_entry() == ("factor.removed", "user:carol", "user:alice", data)


def test_nobody_resets_their_own_factors(alice: User) -> None:
    with pytest.raises(FactorError, match="`user:alice` cannot reset its own second factors"):
        factors.reset(user=alice, by=alice, reason="")
    assert user_has_device(alice)


def test_used_up_recovery_codes_are_no_usable_factor(alice: User) -> None:
    kinds = [type(device) for device in factors.usable(alice)]
    assert sorted(kind.FACTOR for kind in kinds) == ["recovery", "totp"]
    RecoveryCodeDevice.objects.get(user=alice).codes.update(used_at=alice.date_joined)
    assert [type(device) for device in factors.usable(alice)] == [TOTPDevice]
