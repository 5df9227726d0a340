"""Sessions per host: how a session of the portal is carried to an application, and found again there.

The portal's cookie never leaves the portal. A browser that has to prove itself to an application keeps a secret of that
host, the portal gives out a ticket for exactly that secret, host and session, and the ticket is exchanged, once, for a
cookie that opens this one host. Whatever ends the session of the portal ends what was made from it.
"""

import hashlib
import re
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from django.db import models, transaction

from accounts import sessions
from accounts.addresses import Address
from accounts.models import ApplicationSession, ApplicationTicket, Session, User
from accounts.sessions import Verification
from audit import ledger

SECRET: Final = re.compile(r"[A-Za-z0-9_-]{43}")  # what `new_secret` makes: 256 random bits
CHALLENGE: Final = re.compile(r"[0-9a-f]{64}")
TICKET_LIFETIME: Final = timedelta(seconds=60)
MOST_AT_ONCE: Final = 5  # cookies of one session for one host: several tabs that begin at the same moment


@dataclass(frozen=True, slots=True)
class Entrance:
    """What a ticket was exchanged for: the key of the cookie, and where the person wanted to go."""

    key: str
    target: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """Whose cookie a request to an application carries, whether that session still lives, and what was proved in it."""

    user: User
    session_active: bool
    verifications: tuple[Verification, ...]


def new_secret() -> str:
    """256 random bits, for a cookie, a ticket or what a browser keeps while it is away."""
    return secrets.token_urlsafe(32)


def challenge_of(secret: str) -> str:
    """What the portal is told of the secret that a browser keeps."""
    return hashlib.sha256(secret.encode()).hexdigest()


def issue_ticket(*, sid: UUID, host: str, challenge: str, target: str, at: datetime) -> str:
    """A ticket from the session `sid` to `host`: good once, for 60 seconds, with the secret behind `challenge`."""
    ticket = new_secret()
    ApplicationTicket.objects.filter(expires_at__lte=at).delete()
    ApplicationTicket.objects.create(
        key_hash=sessions.key_hash(ticket),
        session_id=sid,
        host=host,
        challenge=challenge,
        target=target,
        expires_at=at + TICKET_LIFETIME,
    )
    return ticket


def redeem(*, ticket: str, host: str, secret: str, address: Address | None, at: datetime) -> Entrance | None:
    """Exchange a ticket for a session of `host`. None where it is not good for this host and browser, or any more."""
    if not (SECRET.fullmatch(ticket) and SECRET.fullmatch(secret)):
        return None
    found = ApplicationTicket.objects.filter(
        key_hash=sessions.key_hash(ticket), host=host, challenge=challenge_of(secret), expires_at__gt=at
    )
    return _exchanged(found, host, address, at) if found.exists() else None  # nobody locks by guessing


@transaction.atomic
def _exchanged(
    found: models.QuerySet[ApplicationTicket], host: str, address: Address | None, at: datetime
) -> Entrance | None:
    row = found.select_related("session__user").first()
    # Whoever deletes the row has the ticket: of two that come at once, one does.
    if row is None or not found.delete()[0] or not sessions.is_live(row.session, at):
        return None
    key = new_secret()
    ApplicationSession.objects.create(
        key_hash=sessions.key_hash(key), session_id=row.session_id, host=host, created_at=at
    )
    _end_surplus(row.session, host)
    _record("application.entered", row.session, host, address)
    return Entrance(key, row.target)


def find(*, key: str, host: str, at: datetime, is_use: bool = True) -> Visitor | None:
    """Who visits `host` with this cookie. None for a cookie of another host, of nobody, or that was never given out.

    `is_use` says whether the session counts as used, which keeps it from running out.
    """
    row = _row(key, host)
    if row is None or row.session.user is None:
        return None
    user = row.session.user
    if not (sessions.is_live(row.session, at) and sessions.is_signed_in(row.session, user)):
        return Visitor(user, session_active=False, verifications=())
    if is_use:
        sessions.touch(row.session, at)
    return Visitor(user, session_active=True, verifications=sessions.standing_verifications(row.session, user))


@transaction.atomic
def sign_out(*, key: str, host: str, address: Address | None, at: datetime) -> bool:
    """End the session behind this cookie: the portal's, and with it every application's. Whether there was one."""
    row = _row(key, host)
    if row is None or not sessions.end(Session.objects.filter(sid=row.session_id), at=at):
        return False
    _record("sign_out", row.session, host, address)
    return True


def _row(key: str, host: str) -> ApplicationSession | None:
    if not SECRET.fullmatch(key):
        return None
    found = ApplicationSession.objects.select_related("session__user")
    return found.filter(pk=sessions.key_hash(key), host=host).first()


def _end_surplus(session: Session, host: str) -> None:
    known = ApplicationSession.objects.filter(session_id=session.sid, host=host).order_by("-created_at", "pk")
    ApplicationSession.objects.filter(pk__in=list(known.values_list("pk", flat=True)[MOST_AT_ONCE:])).delete()


def _record(kind: str, session: Session, host: str, address: Address | None) -> None:
    person = session.user.subject_id if session.user else ""
    ledger.record(kind=kind, actor=person, subject=person, data={"address": str(address or "") or None, "host": host})
