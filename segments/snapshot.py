"""Rows in, values out: the stored policy as a `Policy`, people as `Subject`s. Nothing is parsed past here."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, time, timedelta
from ipaddress import ip_network
from typing import Any, Final
from zoneinfo import ZoneInfo

from django.db import connection, transaction

from accounts.models import RoleAssignment, ServiceAccount, User
from accounts.roles import active_roles
from segments import version
from segments.models import Grant as GrantRow
from segments.models import Resource as ResourceRow
from segments.models import Segment as SegmentRow
from segments.policy.model import (
    Assurance,
    Factor,
    Grant,
    Hours,
    Policy,
    Resource,
    Segment,
    Sensitivity,
    Subject,
    SubjectKind,
    Verification,
    ViewResource,
)
from segments.policy.people import Assignment, Holder
from segments.validation import DAYS

ATTEMPTS: Final = 5
PAGE_VIEW: Final = "segments:segment"

_built: tuple[version.Version, Policy] | None = None  # swapped whole, never changed in place


class SnapshotError(RuntimeError):
    """The stored policy moved each time it was read."""


def current() -> Policy:
    """The stored policy as of now: one version read, rebuilt only when that moved. Raises SnapshotError."""
    global _built  # noqa: PLW0603 (one immutable value a process)
    built = _built
    if built is not None and built[0] == version.read():
        return built[1]
    with _one_moment():
        _built = built = _read()
    return built[1]


def _read() -> tuple[version.Version, Policy]:
    """The policy with its version, whole: rows of two versions need not even fit together."""
    for _attempt in range(ATTEMPTS):
        found = version.read()
        try:
            policy = build(found.number)
        except ValueError:
            if version.read() == found:
                raise
            continue
        if version.read() == found:
            return found, policy
    raise SnapshotError(f"the stored policy moved {ATTEMPTS} times while it was read")


@contextmanager
def _one_moment() -> Iterator[None]:
    """Every read inside sees the same commits, and no writer is kept waiting.

    Inside a transaction that is open already its own isolation holds: the same on SQLite; on PostgreSQL `_read` looks.
    """
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "postgresql":
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield
    else:
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")  # Django's own would be IMMEDIATE, and take the only write lock
            try:
                yield
            finally:
                cursor.execute("COMMIT")


def build(number: int = 0) -> Policy:
    """The rows as they are in this transaction, as a policy with version `number`. Not cached."""
    segments = tuple(segment_value(row) for row in SegmentRow.objects.prefetch_related("owners"))
    resources: list[Resource] = [row.value() for row in ResourceRow.objects.select_related("segment")]
    pages = [
        ViewResource(id=page_of(segment.slug), segment=segment.slug, view=page_of(segment.slug)) for segment in segments
    ]
    grants = GrantRow.objects.select_related("segment", "role", "user", "service_account")
    return Policy(
        version=number,
        segments=segments,
        resources=(*resources, *pages),
        grants=tuple(grant_value(row) for row in grants),
    )


def page_of(slug: str) -> str:
    """The name of a segment's own page, which lies in that segment."""
    return f"{PAGE_VIEW}[{slug}]"


def segment_value(row: SegmentRow) -> Segment:
    return Segment(
        slug=row.slug,
        name=row.name,
        assurance=Assurance(row.assurance),
        reauth_after=row.reauth_after,
        allow_service_accounts=row.allow_service_accounts,
        networks=tuple(ip_network(text) for text in row.networks),
        hours=hours_value(row.hours),
        quarantined=row.state == SegmentRow.State.QUARANTINED,
        sensitivity=Sensitivity(row.sensitivity),
        owners=tuple(owner.username for owner in row.owners.all()),
    )


def grant_value(row: GrantRow) -> Grant:
    holder = row.user or row.service_account
    return Grant(
        id=str(row.pk),
        segment=row.segment.slug,
        role=row.role.slug if row.role else None,
        subject=holder.subject_id if holder else None,
        actions=frozenset(row.actions),
        networks=tuple(ip_network(text) for text in row.networks),
        hours=hours_value(row.hours),
        not_before=row.not_before,
        expires_at=row.expires_at,
        reason=row.reason,
    )


def hours_value(stored: dict[str, Any] | None) -> Hours | None:
    if stored is None:
        return None
    return Hours(
        days=frozenset(DAYS.index(day) for day in stored["days"]),
        start=_clock(stored["from"]),
        end=_clock(stored["to"]),
        zone=ZoneInfo(stored["tz"]),
    )


def subject_of(
    holder: User | ServiceAccount,
    at: datetime,
    *,
    verifications: tuple[Verification, ...] = (),
    enrolled: bool = True,
    session_active: bool = True,
) -> Subject:
    """A person or a system as of `at`: roles that hold then, and the factors given."""
    is_user = isinstance(holder, User)
    return Subject(
        id=holder.subject_id,
        name=holder.get_full_name() if isinstance(holder, User) else holder.name,
        kind=SubjectKind.USER if is_user else SubjectKind.SERVICE,
        roles=active_roles(holder, at),
        active=holder.is_active,
        quarantined=isinstance(holder, User) and holder.quarantined_at is not None,
        session_active=session_active,
        enrolled=enrolled,
        verifications=verifications,
    )


def holders() -> tuple[Holder, ...]:
    """Everybody who could ask, with every role that was not revoked: three queries, whatever their number."""
    assignments: dict[str, list[Assignment]] = {}
    for row in RoleAssignment.objects.unrevoked().select_related("role", "user", "service_account").order_by("pk"):
        given = Assignment(row.role.slug, row.not_before, row.expires_at)
        assignments.setdefault(row.holder.subject_id, []).append(given)
    rows: list[User | ServiceAccount] = [*User.objects.order_by("pk"), *ServiceAccount.objects.order_by("pk")]
    return tuple(_holder(row, tuple(assignments.get(row.subject_id, ()))) for row in rows)


def _holder(row: User | ServiceAccount, assignments: tuple[Assignment, ...]) -> Holder:
    is_user = isinstance(row, User)
    return Holder(
        id=row.subject_id,
        name=row.get_full_name() if isinstance(row, User) else row.name,
        kind=SubjectKind.USER if is_user else SubjectKind.SERVICE,
        assignments=assignments,
        active=row.is_active,
        quarantined=isinstance(row, User) and row.quarantined_at is not None,
    )


def supposed_subject(
    holder: User | ServiceAccount, at: datetime, factor: str, age: timedelta = timedelta(0)
) -> Subject:
    """A subject for a question; `factor` is none (enrolled, not verified), totp, webauthn or recovery, `age` ago."""
    verifications = () if factor == "none" else (Verification(Factor(factor), at - age),)
    return subject_of(holder, at, verifications=verifications)


def _clock(text: str) -> time:
    """A time of day; 24:00 is midnight, which as the end of a window means the end of that day."""
    return time(0) if text == "24:00" else time.fromisoformat(text)
