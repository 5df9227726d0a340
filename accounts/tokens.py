"""Tokens of service accounts: made, told once, rotated, revoked, and what one proves.

A token is `zts_`, 33 random characters (196 bits) and 6 of checksum: the CRC-32 of the random ones, both in base 62 of
digits, upper-case and lower-case letters. So a scanner for secrets knows one without asking anybody. Only its SHA-256
is stored, and its first ten characters, by which people tell it from others.
"""

import hashlib
import re
import secrets
import string
import zlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from ipaddress import ip_network
from typing import Any, Final

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from accounts.addresses import Address, parse_address
from accounts.models import ServiceAccount, ServiceToken, User
from accounts.networks import lies_within, network_problem
from audit import ledger

PREFIX: Final = "zts_"
ALPHABET: Final = string.digits + string.ascii_uppercase + string.ascii_lowercase
RANDOM: Final = 33  # what the hint tells of them leaves more than 160 bits
CHECKSUM: Final = 6
HINT: Final = len(PREFIX) + 6
LONGEST_LIFE: Final = timedelta(days=366)
LONGEST_OVERLAP: Final = timedelta(days=30)
NOTED_EVERY: Final = timedelta(minutes=1)

_FORM: Final = re.compile(rf"{PREFIX}([0-9A-Za-z]{{{RANDOM}}})([0-9A-Za-z]{{{CHECKSUM}}})")


class TokenError(ValueError):
    """A token cannot be issued, rotated or revoked as asked."""


class State(StrEnum):
    """How a token stands. A replaced one is good until it ends."""

    GOOD = "good"
    REPLACED = "replaced"
    EXPIRED = "expired"
    REVOKED = "revoked"


# ---------------------------------------------------------------- the form
def looks_like_token(text: str) -> bool:
    """Whether `text` is meant as a token of ours, well-formed or not."""
    return text.startswith(PREFIX)


def is_well_formed(text: str) -> bool:
    """Whether `text` has the length, the alphabet and the checksum of a token."""
    found = _FORM.fullmatch(text)
    return found is not None and _checksum(found[1]) == found[2]


def key_hash(text: str) -> str:
    """What is stored of a token."""
    return hashlib.sha256(text.encode(errors="backslashreplace")).hexdigest()


def state_of(token: ServiceToken, at: datetime) -> State:
    if token.revoked_at is not None:
        return State.REVOKED
    if not token.is_good(at):
        return State.EXPIRED
    return State.GOOD if token.replaced_by_id is None else State.REPLACED


def _new_text() -> str:
    body = "".join(secrets.choice(ALPHABET) for _ in range(RANDOM))
    return f"{PREFIX}{body}{_checksum(body)}"


def _checksum(body: str) -> str:
    number, digits = zlib.crc32(body.encode()), []
    for _ in range(CHECKSUM):
        number, digit = divmod(number, len(ALPHABET))
        digits.append(ALPHABET[digit])
    return "".join(reversed(digits))


# ---------------------------------------------------------------- verbs
@transaction.atomic
def issue(
    *,
    account: ServiceAccount,
    expires_at: datetime,
    networks: Iterable[str] = (),
    by: User | None = None,
    reason: str = "",
) -> tuple[ServiceToken, str]:
    """Make a token of `account` that is good until `expires_at`, from `networks` or, if there are none, from anywhere.

    Returns its row and the token itself, which nobody can be told again. `by` is None for a command. Raises TokenError.
    """
    token, text = _made(account, expires_at, networks, by)
    _record("service_token.issued", token, by, {"networks": token.networks, "reason": reason})
    return token, text


@transaction.atomic
def revoke(*, token: ServiceToken, by: User | None = None, reason: str = "") -> None:
    """End `token` now. Raises TokenError when it is revoked already."""
    now = timezone.now()
    if not ServiceToken.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=now, revoked_by=by):
        raise TokenError(f"token `{token.hint}…` of `{token.service_account.subject_id}` is already revoked")
    token.refresh_from_db()
    _record("service_token.revoked", token, by, {"reason": reason})


@transaction.atomic
def rotate(
    *,
    token: ServiceToken,
    expires_at: datetime,
    overlap: timedelta,
    by: User | None = None,
    reason: str = "",
) -> tuple[ServiceToken, str]:
    """Make a token in place of `token`, for the same networks. The old one ends after `overlap`, or sooner by itself.

    Once only: of two who rotate it at the same moment, one is refused. Returns as `issue` does. Raises TokenError.
    """
    if not timedelta(0) <= overlap <= LONGEST_OVERLAP:
        raise TokenError(f"bad overlap `{overlap}`: expected from 0 to {LONGEST_OVERLAP.days} days")
    now = timezone.now()
    locked = ServiceToken.objects.select_for_update(of=("self",)).select_related("service_account").get(pk=token.pk)
    state = state_of(locked, now)
    if state is not State.GOOD:
        raise TokenError(f"token `{locked.hint}…` of `{locked.service_account.subject_id}` is already {state}")
    new, text = _made(locked.service_account, expires_at, locked.networks, by)
    locked.replaced_by, locked.expires_at = new, min(locked.expires_at, now + overlap)
    locked.save(update_fields=["replaced_by", "expires_at"])
    old = {"replaces": locked.pk, "replaced_hint": locked.hint, "replaced_until": locked.expires_at.isoformat()}
    _record("service_token.rotated", new, by, {"networks": new.networks, **old, "reason": reason})
    return new, text


def _made(
    account: ServiceAccount, expires_at: datetime, networks: Iterable[str], by: User | None
) -> tuple[ServiceToken, str]:
    if not ServiceAccount.objects.filter(pk=account.pk, is_active=True).exists():
        raise TokenError(f"`{account.subject_id}` is not active: a token of it would prove nothing")
    _require_lifetime(expires_at)
    text = _new_text()
    token = ServiceToken.objects.create(
        service_account=account,
        key_hash=key_hash(text),
        hint=text[:HINT],
        networks=_canonical(networks),
        expires_at=expires_at,
        created_by=by,
    )
    return token, text


def _require_lifetime(expires_at: datetime) -> None:
    if timezone.is_naive(expires_at):
        raise TokenError(f"bad end `{expires_at}`: it has no time zone")
    now = timezone.now()
    if expires_at <= now:
        raise TokenError(f"bad end `{expires_at.isoformat()}`: it is over")
    if expires_at - now > LONGEST_LIFE:
        raise TokenError(f"bad end `{expires_at.isoformat()}`: a token lives for {LONGEST_LIFE.days} days at most")


def _canonical(networks: Iterable[str]) -> list[str]:
    texts = list(networks)
    problems = [problem for text in texts if (problem := network_problem(text))]
    if problems:
        raise TokenError(f"bad networks: {' '.join(problems)}")
    return list(dict.fromkeys(str(ip_network(text)) for text in texts))


def _record(kind: str, token: ServiceToken, by: User | None, data: dict[str, Any]) -> None:
    own = {"id": token.pk, "hint": token.hint, "expires_at": token.expires_at.isoformat()}
    subject = token.service_account.subject_id
    ledger.record(kind=kind, actor=by.subject_id if by else "", subject=subject, data=own | data)


# ---------------------------------------------------------------- what a token proves
def find(text: str, address: Address | None, at: datetime) -> ServiceAccount | None:
    """The account that `text` proves at `at`, asked from `address`; None where it proves none.

    A token is good until it ends or is revoked, from its own networks and from those of its account. An account that
    is not active is returned all the same: that it is refused, and why, is for the policy engine to say. A known token
    that proves nothing is recorded with the cause; what is unknown is nobody's, and leaves no entry here.
    """
    if not is_well_formed(text):
        return None
    token = ServiceToken.objects.select_related("service_account").filter(key_hash=key_hash(text)).first()
    if token is None:
        return None
    address = parse_address(str(address))
    if cause := _cause_against(token, address, at):
        _record_refusal(token, cause, address)
        return None
    _note_use(token, address, at)
    return token.service_account


def _cause_against(token: ServiceToken, address: Address | None, at: datetime) -> str:
    """Why `token` proves nothing; empty where it does."""
    if not token.is_good(at):
        return state_of(token, at)
    if not lies_within(address, token.networks):
        return "outside_token_networks"
    if not lies_within(address, token.service_account.networks):
        return "outside_account_networks"
    return ""


def _record_refusal(token: ServiceToken, cause: str, address: Address | None) -> None:
    subject = token.service_account.subject_id
    data = {"id": token.pk, "hint": token.hint, "cause": cause, "address": str(address) if address else None}
    ledger.record(kind="service_token.refused", actor=subject, subject=subject, data=data)


def _note_use(token: ServiceToken, address: Address | None, at: datetime) -> None:
    """At most once a minute: a question must not be a write each time."""
    last = token.last_used_at
    if last is not None and at - last < NOTED_EVERY:
        return
    unnoted = Q(last_used_at=None) | Q(last_used_at__lte=at - NOTED_EVERY)
    noted = {"last_used_at": at, "last_used_address": str(address) if address else None}
    ServiceToken.objects.filter(unnoted, pk=token.pk).update(**noted)
