"""What a subject has to meet, in the order of the contract: its standing, the grants it holds, the requirements.

Each function returns the reason of the first criterion missed, None if all are met.
"""

from datetime import datetime
from itertools import chain
from typing import Final

from .conditions import covers_address
from .lookup import Opening, Room
from .model import Assurance, Context, Factor, Narrowing, Reason, Segment, Subject, SubjectKind

# A recovery code is a second factor, but its holder can be talked out of it: it never resists phishing (SP 800-63B).
_SATISFYING: Final = {
    Assurance.MFA: frozenset(Factor),
    Assurance.PHISHING_RESISTANT: frozenset({Factor.WEBAUTHN}),
}
_USER: Final = SubjectKind.USER

NARROWING: Final = (
    Reason.ACTION_NOT_GRANTED,
    Reason.OUTSIDE_GRANT_NETWORK,
    Reason.OUTSIDE_GRANT_HOURS,
    Reason.GRANT_NOT_YET_VALID,
    Reason.GRANT_EXPIRED,
)


def standing_of(room: Room, subject: Subject) -> Reason | None:
    """Judge who asks: account, session, and the second factor a person has and a system cannot have."""
    if not subject.active:
        return Reason.SUBJECT_DISABLED
    if subject.quarantined:
        return Reason.SUBJECT_QUARANTINED
    if not subject.session_active:
        return Reason.SESSION_ENDED
    if subject.kind is not _USER:
        return None if room.segment.allow_service_accounts else Reason.SERVICE_ACCOUNT_NOT_ALLOWED
    if subject.enrolled and subject.verifications:
        return None
    return Reason.SECOND_FACTOR_REQUIRED if subject.enrolled else Reason.ENROLMENT_REQUIRED


def narrowed_by(narrowing: Narrowing, action: str, context: Context) -> Reason | None:
    """Judge one grant: action, place, time of the week, window of validity (start included, end excluded)."""
    actions, networks, hours, not_before, expires_at = narrowing
    if action not in actions:
        return Reason.ACTION_NOT_GRANTED
    if networks and not covers_address(networks, context.address):
        return Reason.OUTSIDE_GRANT_NETWORK
    if hours is not None and not hours.covers(context.at):
        return Reason.OUTSIDE_GRANT_HOURS
    if not_before is not None and context.at < not_before:
        return Reason.GRANT_NOT_YET_VALID
    if expires_at is not None and context.at >= expires_at:
        return Reason.GRANT_EXPIRED
    return None


def nearest(narrowed: list[tuple[Reason, Opening]]) -> tuple[Reason, tuple[str, ...]]:
    """Return why none of the grants held opens, by the one that comes furthest, and every grant that comes as far.

    Criteria are met in the order of `NARROWING`: a grant that has only expired is nearer than one for another action.
    """
    furthest = max((missed for missed, _ in narrowed), key=NARROWING.index, default=Reason.NOT_GRANTED)
    near = (opening.grants for missed, opening in narrowed if missed is furthest)
    return furthest, tuple(chain.from_iterable(near))


def requirement_of(segment: Segment, subject: Subject, context: Context) -> Reason | None:
    """Judge what the segment itself asks for: place, time of the week, strength and age of the second factor."""
    if not covers_address(segment.networks, context.address):
        return Reason.OUTSIDE_SEGMENT_NETWORK
    if segment.hours is not None and not segment.hours.covers(context.at):
        return Reason.OUTSIDE_SEGMENT_HOURS
    # A system has no second factor: neither its strength nor its age can be asked for.
    return _assurance_of(segment, subject, context) if subject.kind is _USER else None


def _assurance_of(segment: Segment, subject: Subject, context: Context) -> Reason | None:
    verified_at = verified_at_of(segment, subject)
    if verified_at is None:
        return Reason.STRONGER_FACTOR_REQUIRED
    # Windows exclude their end: an age equal to the limit is too old.
    if segment.reauth_after is not None and context.at - verified_at >= segment.reauth_after:
        return Reason.REAUTHENTICATION_REQUIRED
    return None


def verified_at_of(segment: Segment, subject: Subject) -> datetime | None:
    """Return when the subject last verified a factor as strong as the segment asks for; None if it never did."""
    satisfying = _SATISFYING[segment.assurance]
    return max((one.at for one in subject.verifications if one.factor in satisfying), default=None)
