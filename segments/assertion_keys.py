"""The keys that sign who is asking: made, published, signing, replaced, withdrawn.

A new key is published at once and signs only when every cache of the key set has it; the old one stays published until
nothing that it signed is shown any more, and loses its private part when it stops signing. A key that may be in other
hands is withdrawn at once instead.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from django.db import connection, transaction
from django.db.models import Q, QuerySet

from accounts.models import User
from accounts.sealing import Keyring, SealError
from audit import ledger
from segments.models import AssertionKey, PolicyVersion

ASSERTION_KEYS: Final = Keyring("ZT_ASSERTION_KEYS")
ALGORITHM: Final = "ES256"
PUBLISHED_AHEAD: Final = timedelta(minutes=10)  # before it signs: twice the time for which the key set may be cached
PUBLISHED_AFTER: Final = timedelta(hours=1)  # it signed: far longer than anything signed is valid
COORDINATE: Final = 32  # bytes, RFC 7518, 6.2.1.2
MEMBERS: Final = ("crv", "kty", "x", "y")  # of the public key; in this order they make the thumbprint
EMPTY: Final = b""  # the private part of a key that signs no more

# Written out, as it runs with every signature: the few keys that still have a private part, and whether each may sign.
_READ_SIGNING = (
    "SELECT kid, signs_from <= %s FROM segments_assertionkey WHERE length(private_key_sealed) > 0 ORDER BY signs_from"
)


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A private key, open, and its id."""

    kid: str
    private_key: ec.EllipticCurvePrivateKey


def current_key(at: datetime) -> SigningKey:
    """The key that signs at `at`, read anew each time: a withdrawn one never does. Where none is, the first is made.

    Raises SealError where no key of ZT_ASSERTION_KEYS opens it.
    """
    stored = _with_private_part(at) or _made_first(at)
    signing = max((place for place, (_kid, signs) in enumerate(stored) if signs), default=0)
    # Without one that signs already, another process, whose clock is ahead, emptied the one before: the next is known.
    if signing:
        _tidy(at)
    kid = stored[signing][0]
    return SigningKey(kid, _private_key(kid))


@transaction.atomic
def rotate(at: datetime, *, at_once: bool = False, by: User | None = None) -> AssertionKey:
    """Replace the key that signs. `at_once`: it may be in other hands, so all that is older is withdrawn now."""
    _lock()
    _tidy(at)
    older = AssertionKey.objects.order_by("signs_from")
    kids = list(older.values_list("kid", flat=True))
    signs_from = at if at_once or not kids else at + PUBLISHED_AHEAD
    if at_once:
        older.delete()
    else:
        older.filter(published_until=None).update(published_until=signs_from + PUBLISHED_AFTER)
    new = _make(at, signs_from)
    ledger.record(
        kind="assertion_key.rotated",
        actor=by.subject_id if by else "",
        subject=new.kid,
        data={"signs_from": signs_from.isoformat(), "withdrawn" if at_once else "replaced": kids},
    )
    return new


def published(at: datetime) -> QuerySet[AssertionKey]:
    """The keys that verify at `at`, newest first."""
    return AssertionKey.objects.filter(Q(published_until=None) | Q(published_until__gt=at)).order_by("-signs_from")


def jwks(at: datetime) -> dict[str, Any]:
    """The published keys as a JWK set (RFC 7517, 5). The first is made when none is there."""
    rows = list(published(at))
    if not rows:
        _made_first(at)
        rows = list(published(at))
    return {"keys": [_jwk(row) for row in rows]}


def jwks_document(at: datetime) -> bytes:
    """The JWK set as it is served, from whichever address."""
    return json.dumps(jwks(at), separators=(",", ":")).encode()


def reseal() -> tuple[str, ...]:
    """Seal every private key with the first key of ZT_ASSERTION_KEYS. Returns the ids of those that none opens."""
    kids = AssertionKey.objects.exclude(private_key_sealed=EMPTY).values_list("kid", flat=True)
    return tuple(kid for kid in list(kids) if not _reseal(kid))


@transaction.atomic
def _reseal(kid: str) -> bool:
    _lock()
    row = AssertionKey.objects.filter(pk=kid).exclude(private_key_sealed=EMPTY).first()
    if row is None or ASSERTION_KEYS.is_current(bytes(row.private_key_sealed)):
        return True
    try:
        private = ASSERTION_KEYS.unseal(bytes(row.private_key_sealed), owner=_owner(kid))
    except SealError:
        return False
    row.private_key_sealed = ASSERTION_KEYS.seal(private, owner=_owner(kid))
    row.save(update_fields=["private_key_sealed"])
    return True


def _with_private_part(at: datetime) -> list[tuple[str, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(_READ_SIGNING, [connection.ops.adapt_datetimefield_value(at)])
        return [(kid, bool(signs)) for kid, signs in cursor.fetchall()]


@transaction.atomic
def _made_first(at: datetime) -> list[tuple[str, bool]]:
    """The keys with a private part: if there is none, one is made. Of processes that start together one makes it."""
    _lock()
    stored = _with_private_part(at)
    if stored:
        return stored
    key = _make(at, at)
    ledger.record(kind="assertion_key.made", subject=key.kid, data={"signs_from": at.isoformat()})
    return [(key.kid, True)]


def _lock() -> None:
    """Until the transaction ends nobody else changes keys. SQLite has one writer anyway."""
    PolicyVersion.objects.select_for_update().get()


def _make(at: datetime, signs_from: datetime) -> AssertionKey:
    private_key = ec.generate_private_key(ec.SECP256R1())
    public_key = _public(private_key)
    kid = _thumbprint(public_key)
    private = private_key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return AssertionKey.objects.create(
        kid=kid,
        public_key=public_key,
        private_key_sealed=ASSERTION_KEYS.seal(private, owner=_owner(kid)),
        created_at=at,
        signs_from=signs_from,
    )


def _tidy(at: datetime) -> None:
    """Take the private part from keys that sign no more, and forget those that are published no more."""
    signing = AssertionKey.objects.filter(signs_from__lte=at).order_by("-signs_from").first()
    if signing is not None:
        AssertionKey.objects.filter(signs_from__lt=signing.signs_from).update(private_key_sealed=EMPTY)
    AssertionKey.objects.filter(published_until__lte=at).delete()


@lru_cache(maxsize=2)
def _private_key(kid: str) -> ec.EllipticCurvePrivateKey:
    """Opened once a process: what belongs to an id never changes, and whether it may sign is asked elsewhere."""
    sealed = AssertionKey.objects.values_list("private_key_sealed", flat=True).get(pk=kid)
    private_key = load_der_private_key(ASSERTION_KEYS.unseal(bytes(sealed), owner=_owner(kid)), password=None)
    assert isinstance(private_key, ec.EllipticCurvePrivateKey)
    return private_key


def _owner(kid: str) -> str:
    return f"assertion:{kid}"


def _jwk(row: AssertionKey) -> dict[str, str]:
    public = {name: row.public_key[name] for name in MEMBERS}
    return {"kid": row.kid, "alg": ALGORITHM, "use": "sig", **public}


def _public(private_key: ec.EllipticCurvePrivateKey) -> dict[str, str]:
    """RFC 7518, 6.2.1."""
    numbers = private_key.public_key().public_numbers()
    x, y = (_base64url(number.to_bytes(COORDINATE, "big")) for number in (numbers.x, numbers.y))
    return {"crv": "P-256", "kty": "EC", "x": x, "y": y}


def _thumbprint(public_key: dict[str, str]) -> str:
    """RFC 7638, 3: SHA-256 over the required members in order, without a space."""
    members = json.dumps({name: public_key[name] for name in MEMBERS}, separators=(",", ":"))
    return _base64url(hashlib.sha256(members.encode()).digest())


def _base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()
