"""The nearest fix of a denial."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

import pytest

from segments.policy.fixes import Fix, nearest_fix
from segments.policy.model import Assurance, Context, Factor, Policy, Verification, WebTarget
from tests.segments.policy.values import BOTH, NOW, OFFICE_HOURS, grant, networks, person, policy

TOTP = (Verification(Factor.TOTP, NOW),)
HERE = Context(NOW, ip_address("192.0.2.1"))


def fix(
    policy_: Policy, *roles: str, method: str = "GET", verified: tuple[Verification, ...] = TOTP, **person_: Any
) -> Fix | None:
    target = WebTarget("ledger.example.test", "/", method)
    return nearest_fix(policy_, person("ben", *roles, **person_), verified, target, HERE)


@pytest.mark.parametrize(
    ("opened", "roles", "expected"),
    [
        (policy(grant()), (), Fix(role="accountant")),
        (policy(grant("a"), grant("b")), (), Fix(role="a")),
        (policy(grant(networks=networks("10.0.0.0/8"))), ("accountant",), Fix(address=ip_address("10.0.0.0"))),
        (policy(grant(networks=networks("10.0.0.0/8"))), (), Fix(role="accountant", address=ip_address("10.0.0.0"))),
        (policy(grant(), assurance=Assurance.PHISHING_RESISTANT), ("accountant",), Fix(factor=Factor.WEBAUTHN)),
        (
            policy(grant(), assurance=Assurance.PHISHING_RESISTANT),
            (),
            Fix(role="accountant", factor=Factor.WEBAUTHN),
        ),
        (policy(grant(not_before=NOW + timedelta(2))), ("accountant",), Fix(at=NOW + timedelta(2))),
        (policy(), (), None),
        (policy(grant(), quarantined=True), ("accountant",), None),
        (policy(grant(expires_at=NOW)), ("accountant",), None),
        (policy(grant(to="user:alice")), (), None),
    ],
)
def test_the_nearest_fix_is_the_fewest_changes(opened: Policy, roles: tuple[str, ...], expected: Fix | None) -> None:
    assert fix(opened, *roles) == expected


def test_what_somebody_can_do_alone_is_nearer_than_a_role() -> None:
    opened = policy(grant("accountant", networks=networks("10.0.0.0/8")), grant("auditor"))
    assert fix(opened, "accountant") == Fix(address=ip_address("10.0.0.0"))


def test_a_missing_factor_is_verified_and_an_old_one_again() -> None:
    opened = policy(grant(), reauth_after=timedelta(minutes=15))
    old = (Verification(Factor.TOTP, NOW - timedelta(minutes=15)),)
    assert fix(opened, "accountant", verified=()) == Fix(factor=Factor.TOTP)
    assert fix(opened, "accountant", verified=old) == Fix(factor=Factor.TOTP)


def test_a_role_that_also_writes_is_found_for_a_write() -> None:
    opened = policy(grant("auditor"), grant("accountant", actions=BOTH))
    assert fix(opened, "auditor", method="POST") == Fix(role="accountant")


def test_closed_hours_open_again() -> None:
    night = Context(datetime(2026, 11, 27, 22, tzinfo=UTC))
    target = WebTarget("ledger.example.test", "/", "GET")
    found = nearest_fix(policy(grant(hours=OFFICE_HOURS)), person("ben", "accountant"), TOTP, target, night)
    assert found == Fix(at=datetime(2026, 11, 30, 6, tzinfo=UTC))


def test_nothing_helps_a_disabled_account() -> None:
    assert fix(policy(grant()), "accountant", active=False) is None
