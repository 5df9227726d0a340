"""Giving and taking roles: by whom, why, from when, until when; recorded, and never to oneself."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts.models import RoleAssignment, ServiceAccount
from accounts.roles import RoleError, active_roles, grant_role, revoke_role
from audit.models import Entry
from tests import factories

pytestmark = pytest.mark.django_db
DAY = timedelta(days=1)


def entries() -> list[tuple[str, str, str, dict[str, object]]]:
    found = Entry.objects.filter(kind__startswith="role.").order_by("pk")
    return [(entry.kind, entry.actor, entry.subject, entry.data) for entry in found]


def test_granted_role_is_held_and_recorded() -> None:
    now = timezone.now()
    alice, carol = factories.alice(enrolled=False), factories.carol(enrolled=False)
    given = grant_role(
        role=factories.role("accountant"), holder=alice, by=carol, reason="year-end", expires_at=now + DAY
    )
    assert active_roles(alice, now) == {"everybody", "accountant"}
    assert active_roles(alice, now + DAY) == {"everybody"}
    assert (given.granted_by, given.reason, given.holder) == (carol, "year-end", alice)
    data = {"role": "accountant", "reason": "year-end", "not_before": None, "expires_at": (now + DAY).isoformat()}
    assert entries() == [("role.granted", "user:carol", "user:alice", data)]


def test_revoked_role_is_kept_as_a_record_and_not_held() -> None:
    alice, carol = factories.alice(enrolled=False), factories.carol(enrolled=False)
    given = grant_role(role=factories.role("accountant"), holder=alice, by=carol)
    revoke_role(assignment=given, by=carol, reason="left the team")
    assert active_roles(alice, timezone.now()) == {"everybody"}
    assert (given.revoked_by, given.revoked_at is not None) == (carol, True)
    assert [entry[0] for entry in entries()] == ["role.granted", "role.revoked"]
    with pytest.raises(RoleError, match="role `accountant` of `user:alice` is already revoked"):
        revoke_role(assignment=given, by=carol)


def test_role_that_is_held_is_not_granted_twice() -> None:
    alice, role = factories.alice(enrolled=False), factories.role("accountant")
    given = grant_role(role=role, holder=alice)
    with pytest.raises(RoleError, match="`user:alice` already has role `accountant`: revoke that assignment first"):
        grant_role(role=role, holder=alice)
    assert len(entries()) == 1
    revoke_role(assignment=given)
    assert grant_role(role=role, holder=alice).pk != given.pk


def test_assignment_that_ran_out_is_closed_before_a_new_one() -> None:
    now, alice, role = timezone.now(), factories.alice(enrolled=False), factories.role("accountant")
    old = factories.assignment(alice, role, not_before=now - 2 * DAY, expires_at=now - DAY)
    new = grant_role(role=role, holder=alice)
    old.refresh_from_db()
    assert old.revoked_at is not None
    assert list(RoleAssignment.objects.unrevoked().filter(user=alice)) == [new]


def test_nobody_grants_to_themselves() -> None:
    carol, role = factories.carol(enrolled=False), factories.role("accountant")
    with pytest.raises(RoleError, match="`user:carol` cannot grant role `accountant` to itself"):
        grant_role(role=role, holder=carol, by=carol)
    assert entries() == []
    grant_role(role=role, holder=carol, by=factories.sam(enrolled=False))
    assert "accountant" in active_roles(carol, timezone.now())


def test_role_that_would_end_before_it_starts_is_refused() -> None:
    now, alice = timezone.now(), factories.alice(enrolled=False)
    with pytest.raises(RoleError, match="before it starts"):
        grant_role(role=factories.role("accountant"), holder=alice, not_before=now, expires_at=now)
    grant_role(role=factories.role("accountant"), holder=alice, not_before=now, expires_at=now + DAY)


def test_windows_include_their_start_and_exclude_their_end() -> None:
    now, alice = timezone.now(), factories.alice(enrolled=False)
    grant_role(role=factories.role("accountant"), holder=alice, not_before=now, expires_at=now + DAY)
    moments = (now - timedelta(microseconds=1), now, now + DAY - timedelta(microseconds=1), now + DAY)
    assert ["accountant" in active_roles(alice, at) for at in moments] == [False, True, True, False]


def test_service_account_holds_what_it_was_given_and_nothing_by_nature() -> None:
    batch = ServiceAccount.objects.create(name="billing-batch")
    assert active_roles(batch, timezone.now()) == frozenset()
    grant_role(role=factories.role("accountant"), holder=batch)
    assert active_roles(batch, timezone.now()) == {"accountant"}
    assert entries()[0][2] == "service:billing-batch"
