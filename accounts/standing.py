"""How an account stands: active or not, cut off or not, signed in or not. Whatever closes it ends its sessions."""

from django.db import transaction
from django.utils import timezone

from accounts import sessions
from accounts.models import User
from audit import changes, ledger


class StandingError(ValueError):
    """An account cannot be put into that standing."""


@transaction.atomic
def quarantine(*, user: User, by: User, reason: str) -> None:
    """Cut `user` off at once: nothing opens until the quarantine is lifted. Raises StandingError."""
    now = timezone.now()
    if not User.objects.filter(pk=user.pk, quarantined_at=None).update(quarantined_at=now):
        raise StandingError(f"`{user.subject_id}` is already in quarantine")
    sessions.end_all(user)
    _record(user, by, reason, {"quarantined_at": None}, {"quarantined_at": now.isoformat()})


@transaction.atomic
def lift_quarantine(*, user: User, by: User, reason: str) -> None:
    """Raises StandingError."""
    since = User.objects.select_for_update().values_list("quarantined_at", flat=True).get(pk=user.pk)
    if since is None:
        raise StandingError(f"`{user.subject_id}` is not in quarantine")
    User.objects.filter(pk=user.pk).update(quarantined_at=None)
    _record(user, by, reason, {"quarantined_at": since.isoformat()}, {"quarantined_at": None})


@transaction.atomic
def deactivate(*, user: User, by: User, reason: str) -> None:
    """Close the account, which stays as a record. Raises StandingError."""
    if not User.objects.filter(pk=user.pk, is_active=True).update(is_active=False):
        raise StandingError(f"`{user.subject_id}` is already deactivated")
    sessions.end_all(user)
    _record(user, by, reason, {"is_active": True}, {"is_active": False})


@transaction.atomic
def activate(*, user: User, by: User, reason: str) -> None:
    """Raises StandingError."""
    if not User.objects.filter(pk=user.pk, is_active=False).update(is_active=True):
        raise StandingError(f"`{user.subject_id}` is already active")
    _record(user, by, reason, {"is_active": False}, {"is_active": True})


@transaction.atomic
def end_sign_ins(*, user: User, by: User, reason: str) -> int:
    """Sign `user` out everywhere. Returns how many sign-ins there were."""
    ended = sessions.end_all(user)
    if ended:
        data = {"ended": ended, "reason": reason}
        ledger.record(kind="session.ended", actor=by.subject_id, subject=user.subject_id, data=data)
    return ended


def _record(user: User, by: User, reason: str, before: dict[str, object], after: dict[str, object]) -> None:
    changes.record(
        kind="account.changed",
        actor=by.subject_id,
        subject=changes.name_of(user),
        before=before,
        after=after,
        reason=reason,
    )
