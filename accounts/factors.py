"""Changing second factors. Each change ends the person's other sessions and is recorded."""

from typing import Any

from django.db import transaction
from django_otp import devices_for_user
from django_otp.models import Device

from accounts import sessions
from accounts.authenticators import recovery, throttle
from accounts.authenticators.recovery import RecoveryCodeDevice
from accounts.authenticators.totp import TOTPDevice
from accounts.models import User
from audit import ledger


class FactorError(ValueError):
    """A second factor cannot be changed as asked."""


def usable(user: User) -> list[Device]:
    """The devices that `user` can verify with now: confirmed, and not a set of recovery codes that is used up."""
    return [device for device in devices_for_user(user) if not isinstance(device, RecoveryCodeDevice) or device.left]


def confirm(*, device: TOTPDevice, code: str, except_key: str | None = None) -> bool:
    """Make an app that is being enrolled count, if `code` is right. The session with `except_key` stays."""
    with transaction.atomic():
        if not device.confirm(code):
            return False
        sessions.end_all(device.user, except_key=except_key)
        _record("factor.enrolled", device, device.user)
    return True


@transaction.atomic
def issue_recovery_codes(*, user: User, except_key: str | None = None) -> tuple[str, ...]:
    """Ten fresh recovery codes in place of whatever there was. The session with `except_key` stays."""
    codes = recovery.issue(user)
    sessions.end_all(user, except_key=except_key)
    ledger.record(kind="factor.enrolled", actor=user.subject_id, subject=user.subject_id, data={"factor": "recovery"})
    return codes


@transaction.atomic
def remove(*, device: TOTPDevice, by: User, reason: str = "", except_key: str | None = None) -> None:
    """Take away one authenticator app; the last one stays. Raises FactorError."""
    throttle.lock_account(device.user_id)
    if not TOTPDevice.objects.filter(user=device.user, confirmed=True).exclude(pk=device.pk).exists():
        raise FactorError(
            f"`{device.name}` is the last authenticator app of `{device.user.subject_id}`: enrol another first"
        )
    user, name = device.user, device.name
    device.delete()
    sessions.end_all(user, except_key=except_key)
    data = {"factor": TOTPDevice.FACTOR, "name": name, "reason": reason}
    ledger.record(kind="factor.removed", actor=by.subject_id, subject=user.subject_id, data=data)


@transaction.atomic
def reset(*, user: User, by: User | None, reason: str) -> int:
    """Take away every second factor of `user`, who enrols anew at the next sign-in, and end every session.

    `by` is None for a command. Returns how many factors there were. Raises FactorError.
    """
    if by == user:
        raise FactorError(f"`{user.subject_id}` cannot reset its own second factors")
    throttle.forget_failures(throttle.lock_account(user.pk))
    devices = list(devices_for_user(user, confirmed=None))
    for device in devices:
        device.delete()
    sessions.end_all(user)
    actor = by.subject_id if by else ""
    ledger.record(kind="factor.removed", actor=actor, subject=user.subject_id, data={"factor": "all", "reason": reason})
    return len(devices)


def _record(kind: str, device: Any, by: User) -> None:
    data = {"factor": device.FACTOR, "name": device.name}
    ledger.record(kind=kind, actor=by.subject_id, subject=device.user.subject_id, data=data)
