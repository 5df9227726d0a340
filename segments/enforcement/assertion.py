"""Who is asking, signed for one application: what its upstream can verify without asking us again."""

from typing import Final

import jwt
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from segments import assertion_keys
from segments.administrator import Ruling
from segments.policy.model import Factor, Reason, Subject, SubjectKind, WebTarget
from segments.policy.target import canonical_host

LIFETIME: Final = 120  # seconds: it is shown with the request that it was made for, and never again
METHODS: Final = {Factor.TOTP: "otp", Factor.RECOVERY: "otp", Factor.WEBAUTHN: "hwk"}  # RFC 8176, 2


def sign(ruling: Ruling, *, email: str) -> str:
    """An ES256 JWT (RFC 7519) for the host that was asked for; empty for an anonymous resource, which asks nobody.

    Raises ValueError for a ruling that let nobody into an application; whatever else it raises, nothing was signed.
    """
    decision, subject, target = ruling.decision, ruling.subject, ruling.target
    if not decision.allowed or not isinstance(target, WebTarget):
        raise ValueError(f"decision `{ruling.reference}` opens no application: there is nothing to assert")
    if decision.reason is Reason.ANONYMOUS_RESOURCE or subject is None:
        return ""
    if not settings.ZT_PORTAL_URL:
        raise ImproperlyConfigured("ZT_PORTAL_URL is empty: set it to the portal's address, the issuer of assertions.")
    issued_at = int(ruling.context.at.timestamp())
    claims = {
        "iss": settings.ZT_PORTAL_URL,
        "aud": canonical_host(target.host),
        "sub": subject.known_as,
        "email": email,
        "name": subject.name,
        "roles": sorted(subject.roles),
        "segment": decision.segment,
        "amr": _methods(subject),
        **_authenticated_at(subject),
        "iat": issued_at,
        "nbf": issued_at,
        "exp": issued_at + LIFETIME,
        "jti": ruling.reference,
    }
    key = assertion_keys.current_key(ruling.context.at)
    return jwt.encode(claims, key.private_key, algorithm=assertion_keys.ALGORITHM, headers={"kid": key.kid})


def _methods(subject: Subject) -> list[str]:
    """RFC 8176: a password, the second factors of this session, and whether that is more than one. A token: nothing."""
    if subject.kind is SubjectKind.SERVICE:
        return []
    factors = sorted({METHODS[verification.factor] for verification in subject.verifications})
    return ["pwd", *factors, *(["mfa"] if factors else [])]


def _authenticated_at(subject: Subject) -> dict[str, int]:
    moments = [verification.at for verification in subject.verifications]
    return {"auth_time": int(max(moments).timestamp())} if moments else {}
