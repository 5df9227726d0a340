"""The session engine: a row for each browser, of which only the SHA-256 of the key is stored.

A session that carried a person is kept as a record when it ends: its data is emptied and its key opens nothing. Such a
session loads as an empty one, and `SessionStore.owner()` still says whose it was, so that whoever decides can answer
that the session is over. A session without a person (a sign-in that is under way) is deleted instead.
"""

import hashlib
import re
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple
from uuid import UUID, uuid4

from asgiref.sync import sync_to_async
from django.apps import apps
from django.conf import settings
from django.contrib.auth import HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.base import CreateError, SessionBase, UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError, models, transaction
from django.http import HttpRequest
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_otp.models import Device

from accounts.addresses import Address
from accounts.models import Session, User

KEY: Final = re.compile(r"[a-z0-9]{32}")  # what Django makes: 165 random bits
TOUCHED_EVERY: Final = timedelta(minutes=1)
MOST_AT_ONCE: Final = 20  # sign-ins of one person; one more ends the one unused for longest
RECORD_KEPT: Final = timedelta(days=90)


class Verification(NamedTuple):
    """A second factor that was given in a session: which kind (`totp`, `recovery`, …) and when."""

    factor: str
    at: datetime


class SessionStore(SessionBase):
    """Django's session interface on our rows. The asynchronous half is Django's: each method in a thread."""

    # Of Django's class, which does not say so in its types
    _session: dict[str, Any]
    _get_session: Callable[..., dict[str, Any]]
    _get_new_session_key: Callable[[], str]

    def __init__(self, session_key: str | None = None) -> None:
        super().__init__(session_key)
        self._row: Session | None = None  # as loaded or last saved
        self._owner: User | None = None
        self._verifications: list[dict[str, str]] = []
        self._origin: dict[str, Any] = {}

    # ------------------------------------------------------------ what this project adds
    def owner(self) -> User | None:
        """Whose session this is or was: also when it is over, and when the person may not come in any more."""
        self._get_session()
        return self._owner

    @property
    def ended(self) -> bool:
        """Whether the request came with a person's session that is over."""
        return self.owner() is not None and self._row is None

    @property
    def sid(self) -> UUID:
        """The number of this session, which outlives its keys. Raises LookupError where none is stored."""
        self._get_session()
        if self._row is None:
            raise LookupError("this session is not stored")
        return self._row.sid

    def verifications(self) -> tuple[dict[str, str], ...]:
        """The second factors given in this session as stored, newest last."""
        self._get_session()
        return tuple(self._verifications)

    def add_verification(self, device: Device, at: datetime) -> None:
        """Remember that `device` verified the person at `at`. The newest of each device is kept."""
        self._get_session()
        kept = [stored for stored in self._verifications if stored["device"] != device.persistent_id]
        self._verifications = [*kept, {"factor": device.FACTOR, "at": at.isoformat(), "device": device.persistent_id}]
        self.modified = True

    def came_from(self, address: Address | None, browser: str) -> None:
        """Where the sign-in happens, for the record."""
        self._origin = {"address": str(address) if address else None, "browser": browser[:250]}
        self.modified = True

    # ------------------------------------------------------------ Django's interface
    def load(self) -> dict[str, Any]:
        row = Session.objects.select_related("user").filter(pk=key_hash(self.session_key or "")).first()
        now = timezone.now()
        if row is not None:
            self._owner = row.user
        if row is None or not is_live(row, now):
            self._session_key = None  # an id that is not ours never becomes one
            return {}
        self._row, self._verifications = row, list(row.verifications)
        touch(row, now)
        return dict(self.decode(row.session_data))

    def exists(self, session_key: str) -> bool:
        return Session.objects.filter(pk=key_hash(session_key)).exists()

    def create(self) -> None:
        while True:
            self._session_key = self._get_new_session_key()
            try:
                self.save(must_create=True)
            except CreateError:
                continue
            self.modified = True
            return

    def save(self, must_create: bool = False) -> None:  # noqa: FBT001, FBT002 (Django's signature)
        if self.session_key is None:
            self.create()
            return
        row = self._as_row(self._get_session(no_load=must_create))
        if must_create:
            self._insert(row)
        else:
            changed = {name: getattr(row, name) for name in _STATE}
            if not Session.objects.filter(pk=row.pk, ended_at__isnull=True).update(**changed):
                raise UpdateError
        self._row, self._owner = row, row.user

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key:
            end(Session.objects.filter(pk=key_hash(key)))

    def flush(self) -> None:
        owner = self.owner()
        self.clear()
        self.delete()
        self._session_key = None
        self._row, self._owner, self._verifications, self._origin = None, owner, [], {}

    def cycle_key(self) -> None:
        """A new key for the same row; the old one is dead at once."""
        data = self._session
        old = self.session_key
        if old is None:
            self.create()
        else:
            new = self._get_new_session_key()
            if not Session.objects.filter(pk=key_hash(old), ended_at__isnull=True).update(key_hash=key_hash(new)):
                raise SessionInterrupted("the session was ended while the request was under way")
            self._session_key = new
        self._session_cache = data
        self.modified = True

    async def aflush(self) -> None:
        await sync_to_async(self.flush)()

    async def acycle_key(self) -> None:
        await sync_to_async(self.cycle_key)()

    @classmethod
    def clear_expired(cls) -> None:
        """For `manage.py clearsessions`: what ran out becomes a record; old records and unfinished sign-ins go."""
        now = timezone.now()
        end(Session.objects.filter(expire_date__lte=now), at=models.F("expire_date"))
        Session.objects.filter(ended_at__lte=now - RECORD_KEPT).delete()

    def _validate_session_key(self, key: str | None) -> bool:
        return bool(key and KEY.fullmatch(key))

    # ------------------------------------------------------------ rows
    def _as_row(self, data: dict[str, Any]) -> Session:
        """The row that this session is to be. Address, browser and start are those of the sign-in, once it is done."""
        now, before = timezone.now(), self._row
        person = User.objects.filter(pk=data[SESSION_KEY]).first() if SESSION_KEY in data else None
        signed_in_now = before is None or (before.user_id is None and person is not None)
        row = Session(
            key_hash=key_hash(self.session_key or ""),
            session_data=self.encode(data),
            user=person,
            verifications=self._verifications if person else [],
            created_at=now if before is None or signed_in_now else before.created_at,
            last_seen_at=now,
            sid=before.sid if before else uuid4(),
            address=before.address if before else None,
            browser=before.browser if before else "",
        )
        for name, value in self._origin.items():
            setattr(row, name, value)
        row.expire_date = _end_of(row.created_at, row.last_seen_at)
        return row

    def _insert(self, row: Session) -> None:
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:
            raise CreateError from None


_STATE: Final = (
    "session_data", "expire_date", "user", "verifications", "address", "browser", "created_at", "last_seen_at",
)  # fmt: skip


class SessionRequest(HttpRequest):
    """A request behind Django's session and authentication middleware and django-otp's."""

    session: SessionStore
    user: Any  # User with is_verified(), or AnonymousUser


class PersonRequest(SessionRequest):
    """A request of somebody who is signed in."""

    user: User


def verifications(request: SessionRequest) -> tuple[Verification, ...]:
    """The second factors that hold in the session of this request, newest last."""
    device = getattr(request.user, "otp_device", None)  # read and checked by OTPMiddleware in this request
    known = {device.persistent_id} if device else set()
    return _standing(request.session.verifications(), request.session.owner(), known)


def standing_verifications(row: Session, owner: User) -> tuple[Verification, ...]:
    """The second factors that hold in a stored session, newest last."""
    return _standing(row.verifications, owner, set())


def _standing(stored: Iterable[dict[str, str]], owner: User | None, known: set[str]) -> tuple[Verification, ...]:
    """Those of the stored verifications whose device is still confirmed and the owner's; of the `known` ones it is."""
    stored = tuple(stored)
    unknown = {found["device"] for found in stored} - known
    standing = known | _standing_devices(owner, unknown) if owner and unknown else known
    return tuple(
        Verification(found["factor"], datetime.fromisoformat(found["at"]))
        for found in stored
        if found["device"] in standing
    )


def is_live(row: Session, at: datetime) -> bool:
    """Whether a stored session was not ended and did not run out."""
    return row.ended_at is None and at < _end_of(row.created_at, row.last_seen_at)


def is_signed_in(row: Session, user: User) -> bool:
    """Whether a stored session is a sign-in of `user` with the password of now, as Django asks of its own."""
    data = SessionStore().decode(row.session_data)
    mark = data.get(HASH_SESSION_KEY, "")
    if str(data.get(SESSION_KEY)) != str(user.pk):
        return False
    marks = (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash())
    return any(constant_time_compare(mark, known) for known in marks)


def touch(row: Session, now: datetime) -> None:
    """Note that a session is in use, at most once a minute: reading a page must not be a series of writes."""
    every = min(TOUCHED_EVERY, timedelta(seconds=settings.ZT_SESSION_IDLE) / 4)
    if row.user_id is None or now - row.last_seen_at < every:
        return
    row.last_seen_at, row.expire_date = now, _end_of(row.created_at, now)
    live = Session.objects.filter(pk=row.pk, ended_at__isnull=True)
    live.update(last_seen_at=row.last_seen_at, expire_date=row.expire_date)


def end(found: models.QuerySet[Session], *, at: datetime | models.F | None = None) -> int:
    """End these sessions: those of a person become records, the others go. Returns how many persons' sessions ended."""
    live = found.filter(ended_at__isnull=True)
    live.filter(user__isnull=True).delete()
    return live.update(ended_at=at or timezone.now(), session_data="")


def end_all(user: User, *, except_key: str | None = None) -> int:
    """End every session of `user`, except the one with this key. Returns how many."""
    return end(Session.objects.filter(user=user).exclude(pk=key_hash(except_key or "")))


def end_surplus(user: User, *, except_key: str | None = None) -> int:
    """End what exceeds MOST_AT_ONCE sign-ins of `user`, least recently used first. Returns how many."""
    others = Session.objects.live(timezone.now()).filter(user=user).exclude(pk=key_hash(except_key or ""))
    surplus = others.order_by("-last_seen_at").values_list("pk", flat=True)[MOST_AT_ONCE - 1 :]
    return end(Session.objects.filter(pk__in=list(surplus)))


def key_hash(key: str) -> str:
    """What is stored of a session key."""
    return hashlib.sha256(key.encode(errors="backslashreplace")).hexdigest()


def _end_of(created_at: datetime, last_seen_at: datetime) -> datetime:
    """When a session runs out: unused for too long, or too old however much it is used."""
    idle = last_seen_at + timedelta(seconds=settings.ZT_SESSION_IDLE)
    return min(idle, created_at + timedelta(seconds=settings.ZT_SESSION_ABSOLUTE))


def _standing_devices(user: User, persistent_ids: Iterable[str]) -> set[str]:
    """Those of the devices that are confirmed and belong to `user` as of now."""
    by_model: dict[str, list[int]] = {}
    for persistent_id in persistent_ids:
        label, pk = persistent_id.rsplit("/", 1)
        by_model.setdefault(label, []).append(int(pk))
    standing = set()
    for label, pks in by_model.items():
        for device in apps.get_model(label)._default_manager.filter(pk__in=pks, user=user, confirmed=True):
            standing.add(device.persistent_id)
    return standing
