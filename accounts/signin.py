"""The sign-in: password, then second factor or enrolment, then recovery codes if none are kept, then in.

What is known of a person half-way is one record in the session, never in `request.user`. Each step asks for the step
before it, reads the person anew, and rotates the session key. A record is good for ten minutes and dies with the
password.
"""

from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final

import django_otp
from django.contrib.auth import authenticate, login, logout, update_session_auth_hash
from django.db import transaction
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django_otp.models import Device

from accounts import factors, passwords, sessions
from accounts.addresses import client_address
from accounts.authenticators import recovery, throttle, totp
from accounts.authenticators.recovery import RecoveryCodeDevice
from accounts.authenticators.totp import TOTPDevice
from accounts.models import Session, User
from accounts.names import normalise_username
from accounts.sessions import PersonRequest, SessionRequest
from accounts.waiting import ThrottledError
from audit import ledger

RECORD: Final = "sign_in"
LIFETIME: Final = timedelta(minutes=10)
FRESH: Final = timedelta(minutes=5)  # how old a second factor may be for a change of factors


class Step(StrEnum):
    """What the person has to do next."""

    FACTOR = "factor"
    ENROL = "enrol"
    CODES = "codes"


class RefusedError(Exception):
    """The password or the code is wrong. `locked_until` is when the next one is checked, if not at once."""

    def __init__(self, locked_until: datetime | None = None) -> None:
        super().__init__("wrong password or code")
        self.locked_until = locked_until


@dataclass(frozen=True, slots=True)
class SignIn:
    """A sign-in under way, as kept in the session."""

    user_id: int
    password_mark: str  # changes with the password
    step: Step
    entered_at: str  # ISO 8601
    target: str = ""  # where the person wants to go, checked
    device: str = ""  # persistent id: being enrolled (ENROL), or what verified the person (CODES)
    verified_at: str = ""

    @property
    def user(self) -> User:
        return User.objects.get(pk=self.user_id)


# ---------------------------------------------------------------- password
def begin(request: SessionRequest, *, username: str, password: str, target: str = "") -> Step:
    """The first step. Ends whatever session the request came with. Raises RefusedError and ThrottledError."""
    address, now = client_address(request), timezone.now()
    passwords.count_try(username, address, now)
    user = authenticate(request, username=username, password=password)
    if not isinstance(user, User) or not may_sign_in(user):
        _record_refusal(request, username)
        raise RefusedError
    passwords.forget_tries(username, address)
    request.session.flush()
    record = SignIn(user.pk, user.get_session_auth_hash(), Step.FACTOR, "", target=target)
    if not factors.usable(user):
        record = replace(record, step=Step.ENROL, device=totp.begin_enrolment(user).persistent_id)
    return _enter(request, record)


def may_sign_in(user: User) -> bool:
    return user.is_active and user.quarantined_at is None


def current(request: SessionRequest) -> SignIn | None:
    """The sign-in under way in this session, if it is still good."""
    stored = request.session.get(RECORD)
    if stored is None:
        return None
    record = SignIn(**stored | {"step": Step(stored["step"])})
    user = User.objects.filter(pk=record.user_id).first()
    good = (
        user is not None
        and may_sign_in(user)
        and constant_time_compare(record.password_mark, user.get_session_auth_hash())
        and timezone.now() < datetime.fromisoformat(record.entered_at) + LIFETIME
        and _stands(record, user)
    )
    if not good:
        request.session.flush()
        return None
    return record


def _stands(record: SignIn, user: User) -> bool:
    """Whether what led to this step is still so: a factor may have come or gone since, by another hand."""
    if record.step is Step.ENROL:
        return not factors.usable(user)
    return record.step is Step.FACTOR or verifying_device(record) is not None


def verifying_device(record: SignIn) -> Device | None:
    """The device that verified the person in this sign-in, if it still counts."""
    device = Device.from_persistent_id(record.device) if record.verified_at else None
    return device if device is not None and device.user_id == record.user_id and device.confirmed else None


# ---------------------------------------------------------------- second factor
def verify(request: SessionRequest, record: SignIn, *, kind: type[Device], code: str) -> Step | None:
    """The second step. None means signed in. Raises RefusedError and ThrottledError."""
    _require(record, Step.FACTOR)
    device = _verified_device(request, record.user, kind, code)
    return _after_factor(request, record, device)


def confirm_enrolment(request: SessionRequest, record: SignIn, *, code: str) -> Step | None:
    """The second step of whoever has no factor yet: the first code of the new app. Raises RefusedError."""
    _require(record, Step.ENROL)
    device = enrolling_device(record)
    if device is None or not factors.confirm(device=device, code=code):
        raise RefusedError
    return _after_factor(request, record, device)


def enrolling_device(record: SignIn) -> TOTPDevice | None:
    """The app that this sign-in is enrolling, until it counts."""
    device = Device.from_persistent_id(record.device) if record.step is Step.ENROL else None
    return device if device is not None and device.user_id == record.user_id and not device.confirmed else None


def _after_factor(request: SessionRequest, record: SignIn, device: Device) -> Step | None:
    record = replace(record, device=device.persistent_id, verified_at=timezone.now().isoformat())
    if recovery.has_saved(record.user):
        _complete(request, record)
        return None
    return _enter(request, replace(record, step=Step.CODES))


# ---------------------------------------------------------------- recovery codes
def issue_codes(record: SignIn) -> tuple[str, ...]:
    """Ten recovery codes, told once. Raises RefusedError."""
    _require(record, Step.CODES)
    return factors.issue_recovery_codes(user=record.user)


def acknowledge_codes(request: SessionRequest, record: SignIn) -> None:
    """The person keeps the codes: signed in. Raises RefusedError where there are none to keep."""
    _require(record, Step.CODES)
    if not RecoveryCodeDevice.objects.filter(user_id=record.user_id, confirmed=True).exists():
        raise RefusedError
    recovery.acknowledge(record.user)
    _complete(request, record)


# ---------------------------------------------------------------- in
def _complete(request: SessionRequest, record: SignIn) -> None:
    """Signed in: the only place that calls login(). Raises RefusedError without a device that verified the person."""
    user, device = record.user, verifying_device(record)
    if device is None:
        raise RefusedError
    del request.session[RECORD]
    with transaction.atomic():
        login(request, user)
        _remember(request, device, datetime.fromisoformat(record.verified_at))
        request.session.came_from(client_address(request), request.headers.get("User-Agent", ""))
        sessions.end_surplus(user, except_key=request.session.session_key)
        _record(request, "sign_in.succeeded", user, factor=device.FACTOR)


def verify_again(request: SessionRequest, *, kind: type[Device], code: str) -> None:
    """A fresh second factor of somebody who is signed in. Raises RefusedError and ThrottledError."""
    user = User.objects.get(pk=request.user.pk)
    if not may_sign_in(user):
        raise RefusedError
    device = _verified_device(request, user, kind, code)
    request.session.cycle_key()
    _remember(request, device, timezone.now())


def is_fresh(request: PersonRequest, at: datetime) -> bool:
    """Whether the newest second factor of this session is recent enough for a change of factors."""
    return any(at < found.at + FRESH for found in sessions.verifications(request))


def sign_out(request: SessionRequest) -> None:
    """End this session on the server, whatever state it is in."""
    if request.user.is_authenticated:
        _record(request, "sign_out", request.user)
    logout(request)


def _require(record: SignIn, step: Step) -> None:
    """No step is taken out of turn, whatever the caller believes."""
    if record.step is not step:
        raise RefusedError


def _enter(request: SessionRequest, record: SignIn) -> Step:
    stored = asdict(replace(record, entered_at=timezone.now().isoformat()))
    request.session[RECORD] = stored | {"step": record.step.value}
    request.session.cycle_key()
    return record.step


def _remember(request: SessionRequest, device: Device, at: datetime) -> None:
    django_otp.login(request, device)
    request.session.add_verification(device, at)


def _verified_device(request: SessionRequest, user: User, kind: type[Device], code: str) -> Device:
    """The device of `user` that accepts `code`; a wrong one is recorded. Raises RefusedError and ThrottledError."""
    until = throttle.locked_until(user, timezone.now())
    if until is not None:
        raise ThrottledError(until)
    for device in kind.objects.devices_for_user(user, confirmed=True):
        with transaction.atomic():  # used and recorded, or neither
            throttle.lock_account(user.pk)  # before django-otp locks the device
            if django_otp.verify_token(user, device.persistent_id, code):
                _record_factor(request, user, device)
                return device
    _record(request, "factor.failed", user, factor=kind.FACTOR)
    user.refresh_from_db(fields=["factor_failures", "factor_failed_at"])
    raise RefusedError(throttle.locked_until(user, timezone.now()))


# ---------------------------------------------------------------- changes by the owner
def change_password(request: PersonRequest, *, current: str, new: str) -> None:
    """A new password. Ends the person's other sessions. Raises RefusedError and ThrottledError."""
    user, address = User.objects.get(pk=request.user.pk), client_address(request)
    passwords.count_try(user.username, address, timezone.now())
    if not user.check_password(current):
        raise RefusedError
    passwords.forget_tries(user.username, address)
    with transaction.atomic():
        user.set_password(new)
        user.save(update_fields=["password"])
        update_session_auth_hash(request, user)
        sessions.end_all(user, except_key=request.session.session_key)
        _record(request, "account.changed", user, changed=["password"])


def end_session(request: PersonRequest, key_hash: str) -> bool:
    """End one of the person's own sessions. Whether there was one to end."""
    with transaction.atomic():
        throttle.lock_account(request.user.pk)
        ended = sessions.end(Session.objects.filter(user=request.user, pk=key_hash))
        if ended:
            _record(request, "session.ended", request.user, ended=ended)
    return bool(ended)


def end_other_sessions(request: PersonRequest) -> int:
    """End every session of the person but this one. How many there were."""
    with transaction.atomic():
        ended = sessions.end_all(throttle.lock_account(request.user.pk), except_key=request.session.session_key)
        if ended:
            _record(request, "session.ended", request.user, ended=ended)
    return ended


# ---------------------------------------------------------------- records
def _record(request: SessionRequest, kind: str, user: User, **data: Any) -> None:
    """What the person did, and from where."""
    ledger.record(kind=kind, actor=user.subject_id, subject=user.subject_id, data=_origin(request) | data)


def _record_factor(request: SessionRequest, user: User, device: Device) -> None:
    if isinstance(device, RecoveryCodeDevice):
        _record(request, "recovery.used", user, left=device.left)
    else:
        _record(request, "factor.verified", user, factor=device.FACTOR, name=device.name)


def _record_refusal(request: SessionRequest, username: str) -> None:
    """A wrong password. A name nobody has is not written down: people type passwords into the wrong field."""
    user = User.objects.filter(username=normalise_username(username)).first()
    ledger.record(kind="sign_in.failed", subject=user.subject_id if user else "", data=_origin(request))


def _origin(request: SessionRequest) -> dict[str, Any]:
    address = client_address(request)
    return {"address": str(address) if address else None}
