"""What an application is told, signed: exactly what was decided, for this host, for two minutes."""

from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from segments import assertion_keys
from segments.administrator import Ruling
from segments.enforcement import assertion
from segments.enforcement.assertion import sign
from segments.policy.model import (
    Context,
    Decision,
    Factor,
    Reason,
    Subject,
    SubjectKind,
    Verification,
    ViewTarget,
    WebTarget,
)

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 26, 12, 0, 30, 987654, tzinfo=UTC)
SECOND = int(AT.timestamp())
GRANTED = Decision(allowed=True, reason=Reason.GRANTED, segment="finance", resource="ledger", grants=("1",))
TARGET = WebTarget(host="Ledger.Example.Test.:8443", path="/books?secret=1", method="GET")


@pytest.fixture(autouse=True)
def portal(settings: Settings) -> None:
    settings.ZT_PORTAL_URL = "https://portal.example.test"


def alice(*verified: tuple[Factor, int]) -> Subject:
    given = tuple(Verification(factor, AT - timedelta(seconds=ago)) for factor, ago in verified)
    roles = frozenset({"everybody", "auditor", "accountant"})
    return Subject(id="user:alice", name="Alice Ädams", kind=SubjectKind.USER, roles=roles, verifications=given)


def ruling(subject: Subject | None, decision: Decision = GRANTED, target: Any = TARGET) -> Ruling:
    return Ruling(decision, "D-7K3F-9QXM-4T2B", subject, target, Context(at=AT))


def opened(token: str) -> dict[str, Any]:
    kid = jwt.get_unverified_header(token)["kid"]
    (key,) = (key for key in assertion_keys.jwks(AT)["keys"] if key["kid"] == kid)
    lax = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return jwt.decode(token, jwt.PyJWK(key), algorithms=["ES256"], audience="ledger.example.test", options=lax)


def test_says_who_asks_for_which_host_and_until_when() -> None:
    token = sign(ruling(alice((Factor.TOTP, 600), (Factor.RECOVERY, 90))), email="alice@example.test")
    assert jwt.get_unverified_header(token) == {
        "alg": "ES256", "kid": assertion_keys.current_key(AT).kid, "typ": "JWT",
    }  # fmt: skip
    assert opened(token) == {
        "iss": "https://portal.example.test",
        "aud": "ledger.example.test",
        "sub": "alice",
        "email": "alice@example.test",
        "name": "Alice Ädams",
        "roles": ["accountant", "auditor", "everybody"],
        "segment": "finance",
        "amr": ["pwd", "otp", "mfa"],
        "auth_time": int((AT - timedelta(seconds=90)).timestamp()),
        "iat": SECOND,
        "nbf": SECOND,
        "exp": SECOND + 120,
        "jti": "D-7K3F-9QXM-4T2B",
    }
    assert 60 <= assertion.LIFETIME <= 300
    assert token.isascii()
    assert "secret" not in str(opened(token))


@pytest.mark.parametrize(
    ("verified", "methods"),
    [
        ([(Factor.TOTP, 5)], ["pwd", "otp", "mfa"]),
        ([(Factor.RECOVERY, 5)], ["pwd", "otp", "mfa"]),
        ([(Factor.WEBAUTHN, 5)], ["pwd", "hwk", "mfa"]),
        ([(Factor.WEBAUTHN, 5), (Factor.TOTP, 50)], ["pwd", "hwk", "otp", "mfa"]),
        ([], ["pwd"]),
    ],
)
def test_names_the_methods_of_the_session(verified: list[tuple[Factor, int]], methods: list[str]) -> None:
    claims = opened(sign(ruling(alice(*verified)), email=""))
    assert claims["amr"] == methods
    assert ("auth_time" in claims) == bool(verified)


def test_system_has_no_methods_and_no_time_of_authentication() -> None:
    system = Subject(
        id="service:billing-batch", name="billing-batch", kind=SubjectKind.SERVICE, roles=frozenset({"accountant"})
    )
    claims = opened(sign(ruling(system), email=""))
    assert (claims["sub"], claims["email"], claims["amr"]) == ("service:billing-batch", "", [])
    assert "auth_time" not in claims


@pytest.mark.parametrize("subject", [None, alice((Factor.TOTP, 5))])
def test_anonymous_resource_tells_of_nobody(subject: Subject | None) -> None:
    anonymous = Decision(allowed=True, reason=Reason.ANONYMOUS_RESOURCE, segment="finance", resource="health")
    assert sign(ruling(subject, anonymous), email="") == ""


@pytest.mark.parametrize(
    ("decision", "target"),
    [
        (Decision(allowed=False, reason=Reason.NOT_GRANTED, segment="finance"), TARGET),
        (Decision(allowed=False, reason=Reason.GRANTED), TARGET),
        (GRANTED, ViewTarget("payroll:run", "GET")),
    ],
)
def test_nothing_is_signed_for_what_opens_no_application(decision: Decision, target: Any) -> None:
    with pytest.raises(ValueError, match="decision `D-7K3F-9QXM-4T2B` opens no application"):
        sign(ruling(alice((Factor.TOTP, 5)), decision, target), email="")


def test_nothing_is_signed_without_an_issuer(settings: Settings) -> None:
    settings.ZT_PORTAL_URL = ""
    with pytest.raises(ImproperlyConfigured, match="ZT_PORTAL_URL is empty"):
        sign(ruling(alice((Factor.TOTP, 5))), email="")
