"""What a subject has to meet, as tables in the order of the contract: its standing, the grants, the requirements."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final, NamedTuple

from .conditions import covers_address, has_begun, has_ended
from .model import Assurance, Context, Factor, Grant, Reason, Segment, Subject, SubjectKind

Facts = Mapping[str, object]


class Criterion(NamedTuple):
    """One condition, the reason it gives when missed, and the facts that explain it."""

    name: str
    reason: Reason
    holds: Callable[[Segment, Subject, Context], bool]
    facts: Callable[[Segment, Subject, Context], Facts]


def _standing(name: str, reason: Reason, holds: Callable[[Subject], bool]) -> Criterion:
    return Criterion(
        name,
        reason,
        lambda segment, subject, context: holds(subject),
        lambda segment, subject, context: {"subject": subject.id},
    )


# A recovery code is a second factor, but its holder can be talked out of it: it never resists phishing (SP 800-63B).
_SATISFYING: Final = {
    Assurance.MFA: frozenset(Factor),
    Assurance.PHISHING_RESISTANT: frozenset({Factor.WEBAUTHN}),
}
_MFA: Final = Assurance.MFA


def _verified_at(segment: Segment, subject: Subject) -> datetime | None:
    """Return when the subject last verified a factor as strong as the segment asks for; None if it never did."""
    satisfying = _SATISFYING[segment.assurance]
    return max((one.at for one in subject.verifications if one.factor in satisfying), default=None)


def _is_strong_enough(segment: Segment, subject: Subject, context: Context) -> bool:
    return segment.assurance is _MFA or _verified_at(segment, subject) is not None


def _is_recent_enough(segment: Segment, subject: Subject, context: Context) -> bool:
    if segment.reauth_after is None:
        return True
    verified_at = _verified_at(segment, subject)
    # Windows exclude their end: an age equal to the limit is too old.
    return verified_at is not None and context.at - verified_at < segment.reauth_after


def _within_networks(segment: Segment, subject: Subject, context: Context) -> bool:
    return not segment.networks or covers_address(segment.networks, context.address)


def _within_hours(segment: Segment, subject: Subject, context: Context) -> bool:
    return segment.hours is None or segment.hours.covers(context.at)


def _network_facts(segment: Segment, subject: Subject, context: Context) -> Facts:
    return {"networks": tuple(map(str, segment.networks)), "address": str(context.address or "")}


def _hours_facts(segment: Segment, subject: Subject, context: Context) -> Facts:
    return {"hours": segment.hours, "at": context.at}


def _assurance_facts(segment: Segment, subject: Subject, context: Context) -> Facts:
    return {
        "assurance": str(segment.assurance),
        "factors": tuple(str(one.factor) for one in subject.verifications),
    }


def _freshness_facts(segment: Segment, subject: Subject, context: Context) -> Facts:
    return {"reauth_after": segment.reauth_after, "verified_at": _verified_at(segment, subject), "at": context.at}


def _service_facts(segment: Segment, subject: Subject, context: Context) -> Facts:
    return {"subject": subject.id, "allow_service_accounts": segment.allow_service_accounts}


_PRESENT: Final = (
    _standing("subject_active", Reason.SUBJECT_DISABLED, lambda subject: subject.active),
    _standing("subject_not_quarantined", Reason.SUBJECT_QUARANTINED, lambda subject: not subject.quarantined),
    _standing("session", Reason.SESSION_ENDED, lambda subject: subject.session_active),
)
_PROVEN: Final = (
    _standing("enrolled", Reason.ENROLMENT_REQUIRED, lambda subject: subject.enrolled),
    _standing("second_factor", Reason.SECOND_FACTOR_REQUIRED, lambda subject: bool(subject.verifications)),
)
_SERVICES_ALLOWED: Final = Criterion(
    "service_accounts",
    Reason.SERVICE_ACCOUNT_NOT_ALLOWED,
    lambda segment, subject, context: segment.allow_service_accounts,
    _service_facts,
)
_PLACE_AND_TIME: Final = (
    Criterion("segment_network", Reason.OUTSIDE_SEGMENT_NETWORK, _within_networks, _network_facts),
    Criterion("segment_hours", Reason.OUTSIDE_SEGMENT_HOURS, _within_hours, _hours_facts),
)
_ASSURANCE: Final = (
    Criterion("assurance", Reason.STRONGER_FACTOR_REQUIRED, _is_strong_enough, _assurance_facts),
    Criterion("freshness", Reason.REAUTHENTICATION_REQUIRED, _is_recent_enough, _freshness_facts),
)

STANDING: Final = {
    SubjectKind.USER: (*_PRESENT, *_PROVEN),
    SubjectKind.SERVICE: (*_PRESENT, _SERVICES_ALLOWED),
}
# A system has no second factor: neither its strength nor its age can be asked for.
REQUIREMENTS: Final = {
    SubjectKind.USER: (*_PLACE_AND_TIME, *_ASSURANCE),
    SubjectKind.SERVICE: _PLACE_AND_TIME,
}

NARROWING: Final = (
    Reason.ACTION_NOT_GRANTED,
    Reason.OUTSIDE_GRANT_NETWORK,
    Reason.OUTSIDE_GRANT_HOURS,
    Reason.GRANT_NOT_YET_VALID,
    Reason.GRANT_EXPIRED,
)


def narrowing_of(grant: Grant, action: str, context: Context) -> Reason | None:
    """Return the first criterion of a grant that keeps this action, place or time out; None if it opens."""
    if action not in grant.actions:
        return Reason.ACTION_NOT_GRANTED
    if grant.networks and not covers_address(grant.networks, context.address):
        return Reason.OUTSIDE_GRANT_NETWORK
    if grant.hours is not None and not grant.hours.covers(context.at):
        return Reason.OUTSIDE_GRANT_HOURS
    if not has_begun(grant.not_before, context.at):
        return Reason.GRANT_NOT_YET_VALID
    if has_ended(grant.expires_at, context.at):
        return Reason.GRANT_EXPIRED
    return None


def nearest(narrowed: list[tuple[Reason, str]]) -> tuple[Reason, tuple[str, ...]]:
    """Return why no grant opens, by the one that came furthest, and every grant that came as far.

    Criteria are met in the order of `NARROWING`: a grant that has only expired is nearer than one for another action.
    """
    if not narrowed:
        return Reason.NOT_GRANTED, ()
    furthest = max((reason for reason, _ in narrowed), key=NARROWING.index)
    return furthest, tuple(grant for reason, grant in narrowed if reason is furthest)
