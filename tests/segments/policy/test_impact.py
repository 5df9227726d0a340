"""Who gains and who loses what between two worlds."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from segments.policy.impact import Access, Impact, World, access_in, impact
from segments.policy.model import Assurance, Policy, SubjectKind, WebResource
from segments.policy.people import Assignment, Holder
from tests.segments.policy.values import BOTH, LEDGER, NOW, OFFICE_HOURS, grant, networks, person, policy

ALICE = person("alice", "accountant")
BATCH = Holder("service:batch", "batch", SubjectKind.SERVICE, (Assignment("accountant"),))


def ledger(subject: str, action: str = "read", *factors: str) -> tuple[Access, ...]:
    return tuple(Access(subject, "finance", "ledger", action, factor) for factor in factors or ("totp", "webauthn"))


def found(before: Policy, after: Policy, *people: Holder) -> Impact:
    return impact(World(before, people), World(after, people), NOW)


def test_a_new_grant_is_gained_and_a_removed_one_lost() -> None:
    none, reading = policy(), policy(grant())
    assert found(none, reading, ALICE, person("bob")) == Impact(gained=ledger("user:alice"))
    assert found(reading, none, ALICE, person("bob")) == Impact(lost=ledger("user:alice"))


def test_an_action_is_gained_by_itself() -> None:
    assert found(policy(grant()), policy(grant(actions=BOTH)), ALICE) == Impact(gained=ledger("user:alice", "write"))


def test_what_another_grant_opens_is_not_lost() -> None:
    both = policy(grant(), grant(to="user:alice"))
    assert found(both, policy(grant(to="user:alice")), ALICE) == Impact()


def test_a_role_is_gained_with_what_it_opens() -> None:
    opened = policy(grant())
    before, after = World(opened, (person("alice"),)), World(opened, (ALICE,))
    assert impact(before, after, NOW) == Impact(gained=ledger("user:alice"))


def test_a_stronger_factor_asked_for_is_lost_with_the_weaker() -> None:
    after = policy(grant(), assurance=Assurance.PHISHING_RESISTANT)
    assert found(policy(grant()), after, ALICE) == Impact(lost=ledger("user:alice", "read", "totp"))


def test_a_quarantine_is_lost_by_all() -> None:
    assert found(policy(grant()), policy(grant(), quarantined=True), ALICE) == Impact(lost=ledger("user:alice"))


def test_a_resource_that_becomes_anonymous_is_gained_by_anybody() -> None:
    open_ledger = replace(LEDGER, anonymous=True)
    anybody = (Access("anybody", "finance", "ledger", "read"), Access("anybody", "finance", "ledger", "write"))
    assert found(policy(), policy(resources=(open_ledger,)), ALICE) == Impact(gained=anybody)


def test_a_system_has_no_factor() -> None:
    closed, opened = policy(grant()), policy(grant(), allow_service_accounts=True)
    assert found(closed, opened, BATCH) == Impact(gained=(Access("service:batch", "finance", "ledger", "read", ""),))


@pytest.mark.parametrize(
    "narrowing",
    [
        {"networks": networks("10.0.0.0/8")},
        {"hours": OFFICE_HOURS},
        {"not_before": NOW + timedelta(days=400)},
        {"expires_at": NOW + timedelta(seconds=1)},
    ],
)
def test_access_is_what_can_be_had_somewhere_at_some_time(narrowing: dict[str, Any]) -> None:
    assert found(policy(), policy(grant(**narrowing)), ALICE) == Impact(gained=ledger("user:alice"))


def test_what_is_over_is_no_access() -> None:
    assert found(policy(), policy(grant(expires_at=NOW)), ALICE) == Impact()


@pytest.mark.parametrize("fields", [{"active": False}, {"quarantined": True}])
def test_whoever_is_cut_off_has_no_access(fields: dict[str, bool]) -> None:
    assert found(policy(), policy(grant()), person("alice", "accountant", **fields)) == Impact()


def test_custom_actions_count() -> None:
    after = policy(grant(actions=frozenset({"approve"})))
    assert found(policy(), after, ALICE) == Impact(gained=ledger("user:alice", "approve"))


def test_only_methods_that_a_resource_covers_are_access() -> None:
    health = WebResource("ledger", "finance", "ledger.example.test", methods=frozenset({"GET"}))
    world = World(policy(grant(actions=BOTH), resources=(health,)), (ALICE,))
    assert tuple(access_in(world, NOW)) == ledger("user:alice")
