"""Cutting a segment off at once, and opening it again."""

from django.db import transaction

from accounts.models import User
from audit import changes
from segments.models import Segment


class QuarantineError(ValueError):
    """A segment cannot be put into quarantine, or let out of it."""


@transaction.atomic
def quarantine(*, segment: Segment, by: User, reason: str) -> None:
    """Nobody enters `segment` any more, whatever their grants, from the next request on. Raises QuarantineError."""
    if segment.slug == Segment.ADMINISTRATION:
        raise QuarantineError("in quarantine `administration` could not be opened again from the admin")
    _move(segment, Segment.State.ENFORCED, Segment.State.QUARANTINED, by, reason)


@transaction.atomic
def lift(*, segment: Segment, by: User, reason: str) -> None:
    """Raises QuarantineError."""
    _move(segment, Segment.State.QUARANTINED, Segment.State.ENFORCED, by, reason)


def _move(segment: Segment, before: Segment.State, after: Segment.State, by: User, reason: str) -> None:
    if not Segment.objects.filter(pk=segment.pk, state=before).update(state=after):
        raise QuarantineError(f"segment `{segment.slug}` is not {before.value}")
    changes.record(
        kind="policy.changed",
        actor=by.subject_id,
        subject=changes.name_of(segment),
        before={"state": before.value},
        after={"state": after.value},
        reason=reason,
    )
