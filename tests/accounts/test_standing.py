"""How an account stands: each verb changes it once, closes what it has to, and says so in the ledger."""

import pytest
from django.utils import timezone

from accounts import standing
from accounts.models import Session, User
from audit.models import Entry
from tests import factories
from tests.staff_cast import signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return factories.alice()


def live(person: User) -> int:
    return Session.objects.live(timezone.now()).filter(user=person).count()


@pytest.mark.parametrize(
    ("verb", "field"), [(standing.quarantine, "quarantined_at"), (standing.deactivate, "is_active")]
)
def test_closing_ends_the_sessions_and_is_said_once(sam: User, alice: User, verb: object, field: str) -> None:
    signed_in(alice)
    assert live(alice) == 1
    before = getattr(alice, field)
    verb(user=alice, by=sam, reason="lost laptop")  # type: ignore[operator]
    alice.refresh_from_db()
    assert (getattr(alice, field) != before, live(alice)) == (True, 0)
    with pytest.raises(standing.StandingError):
        verb(user=alice, by=sam, reason="again")  # type: ignore[operator]
    entry = Entry.objects.get(kind="account.changed")
    assert (entry.actor, entry.subject, entry.data["reason"]) == ("user:sam", "user:alice", "lost laptop")
    assert set(entry.data["before"]) == set(entry.data["after"]) == {field}


def test_opening_again(sam: User, alice: User) -> None:
    for verb in (standing.lift_quarantine, standing.activate):
        with pytest.raises(standing.StandingError):
            verb(user=alice, by=sam, reason="nothing to do")
    standing.quarantine(user=alice, by=sam, reason="x")
    standing.lift_quarantine(user=alice, by=sam, reason="found")
    standing.deactivate(user=alice, by=sam, reason="x")
    standing.activate(user=alice, by=sam, reason="back")
    alice.refresh_from_db()
    assert (alice.quarantined_at, alice.is_active) == (None, True)
    reasons = [entry.data["reason"] for entry in Entry.objects.filter(kind="account.changed").order_by("pk")]
    assert reasons == ["x", "found", "x", "back"]


def test_signing_out_everywhere(sam: User, alice: User) -> None:
    signed_in(alice)
    signed_in(alice)
    assert standing.end_sign_ins(user=alice, by=sam, reason="asked for it") == 2
    assert live(alice) == 0
    entry = Entry.objects.get(kind="session.ended")
    assert (entry.actor, entry.subject, entry.data) == (
        "user:sam",
        "user:alice",
        {"ended": 2, "reason": "asked for it"},
    )
    assert standing.end_sign_ins(user=alice, by=sam, reason="again") == 0
    assert Entry.objects.filter(kind="session.ended").count() == 1
