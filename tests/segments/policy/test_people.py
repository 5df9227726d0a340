"""Who could ask, at any time."""

from datetime import timedelta

import pytest

from segments.policy.model import Factor, Subject, SubjectKind, Verification
from segments.policy.people import Assignment, Holder
from tests.segments.policy.values import NOW, person

SOON = Assignment("auditor", not_before=NOW, expires_at=NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("minutes", "held"),
    [(-1, False), (0, True), (59, True), (60, False), (61, False)],
)
def test_a_role_holds_from_its_start_to_before_its_end(minutes: int, held: bool) -> None:
    at = NOW + timedelta(minutes=minutes)
    assert SOON.holds(at) is held
    assert ("auditor" in person("alice", SOON).roles(at)) is held


def test_a_person_holds_everybody_and_a_system_does_not() -> None:
    assert person("alice").roles(NOW) == {"everybody"}
    assert Holder("service:batch", "batch", SubjectKind.SERVICE).roles(NOW) == frozenset()


def test_possible_roles_are_those_of_all_times() -> None:
    assert person("alice", "accountant", SOON).possible_roles == {"everybody", "accountant", "auditor"}


def test_a_holder_asks_as_a_subject() -> None:
    verified = Verification(Factor.TOTP, NOW)
    assert person("alice", "accountant", active=False).subject(NOW, verified) == Subject(
        id="user:alice",
        name="Alice",
        kind=SubjectKind.USER,
        roles=frozenset({"accountant", "everybody"}),
        active=False,
        verifications=(verified,),
    )
