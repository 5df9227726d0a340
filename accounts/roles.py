"""Giving and taking roles."""

from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from accounts.querysets import RoleAssignmentQuerySet
from audit import ledger


class RoleError(ValueError):
    """A role cannot be given or taken as asked."""


@transaction.atomic
def grant_role(
    *,
    role: Role,
    holder: User | ServiceAccount,
    by: User | None = None,
    reason: str = "",
    not_before: datetime | None = None,
    expires_at: datetime | None = None,
) -> RoleAssignment:
    """Give `role` to `holder`. `by` is None for a command or the system.

    An assignment that has run out is closed first, so that the record shows both. Raises RoleError.
    """
    if by is not None and by == holder:
        raise RoleError(f"`{by.subject_id}` cannot grant role `{role.slug}` to itself")
    if not_before and expires_at and expires_at <= not_before:
        raise RoleError(f"role `{role.slug}` would end at `{expires_at}`, before it starts at `{not_before}`")
    now = timezone.now()
    run_out = _assignments(holder).filter(role=role, revoked_at__isnull=True, expires_at__lte=now)
    run_out.update(revoked_at=now, revoked_by=by)
    try:
        with transaction.atomic():  # a constraint decides, so that two who grant at once cannot both succeed
            assignment = RoleAssignment.objects.create(
                role=role,
                reason=reason,
                not_before=not_before,
                expires_at=expires_at,
                granted_by=by,
                **_holder_field(holder),
            )
    except IntegrityError:
        raise RoleError(f"`{holder.subject_id}` already has role `{role.slug}`: revoke that assignment first") from None
    _record("role.granted", assignment, by, reason)
    return assignment


@transaction.atomic
def revoke_role(*, assignment: RoleAssignment, by: User | None = None, reason: str = "") -> None:
    """Take a role away, as of now. Raises RoleError when it is not held any more."""
    now = timezone.now()
    if not RoleAssignment.objects.unrevoked().filter(pk=assignment.pk).update(revoked_at=now, revoked_by=by):
        raise RoleError(f"role `{assignment.role.slug}` of `{assignment.holder.subject_id}` is already revoked")
    assignment.refresh_from_db()
    _record("role.revoked", assignment, by, reason)


def active_roles(holder: User | ServiceAccount, at: datetime) -> frozenset[str]:
    """The slugs of the roles that `holder` has at `at`; for a person always `everybody`."""
    held = frozenset(_assignments(holder).active(at).values_list("role__slug", flat=True))
    return held | {Role.EVERYBODY} if isinstance(holder, User) else held


def _assignments(holder: User | ServiceAccount) -> RoleAssignmentQuerySet:
    return RoleAssignment.objects.filter(**_holder_field(holder))


def _holder_field(holder: User | ServiceAccount) -> dict[str, User | ServiceAccount]:
    return {"user": holder} if isinstance(holder, User) else {"service_account": holder}


def _record(kind: str, assignment: RoleAssignment, by: User | None, reason: str) -> None:
    data = {
        "role": assignment.role.slug,
        "reason": reason,
        "not_before": assignment.not_before.isoformat() if assignment.not_before else None,
        "expires_at": assignment.expires_at.isoformat() if assignment.expires_at else None,
    }
    ledger.record(kind=kind, actor=by.subject_id if by else "", subject=assignment.holder.subject_id, data=data)
