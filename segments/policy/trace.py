"""The record of a decision, criterion by criterion: made from what the engine found, judging nothing itself.

Within a group, criteria before the one that was missed are met, and those after it were not judged (None).
"""

from collections.abc import Iterator, Mapping
from typing import Final

from .criteria import verified_at_of
from .lookup import Entry, Opening
from .model import Context, Reason, Segment, Step, Subject, SubjectKind

Facts = Mapping[str, object]

_PRESENT: Final = (
    ("subject_active", Reason.SUBJECT_DISABLED),
    ("subject_not_quarantined", Reason.SUBJECT_QUARANTINED),
    ("session", Reason.SESSION_ENDED),
)
STANDING: Final = {
    SubjectKind.USER: (
        *_PRESENT,
        ("enrolled", Reason.ENROLMENT_REQUIRED),
        ("second_factor", Reason.SECOND_FACTOR_REQUIRED),
    ),
    SubjectKind.SERVICE: (*_PRESENT, ("service_accounts", Reason.SERVICE_ACCOUNT_NOT_ALLOWED)),
}
_PLACE_AND_TIME: Final = (
    ("segment_network", Reason.OUTSIDE_SEGMENT_NETWORK),
    ("segment_hours", Reason.OUTSIDE_SEGMENT_HOURS),
)
REQUIREMENTS: Final = {
    SubjectKind.USER: (
        *_PLACE_AND_TIME,
        ("assurance", Reason.STRONGER_FACTOR_REQUIRED),
        ("freshness", Reason.REAUTHENTICATION_REQUIRED),
    ),
    SubjectKind.SERVICE: _PLACE_AND_TIME,
}


def entrance_steps(entry: Entry | None, subject: Subject | None) -> Iterator[Step]:
    """Record how far a request comes before its subject is looked at."""
    if entry is None:
        yield Step("resource", passed=False, detail="no resource covers the target")
        return
    room = entry.room
    yield Step("resource", passed=True, detail={"resource": entry.resource, "segment": room.slug})
    yield Step("segment_enforced", not room.quarantined, {"segment": room.slug})
    if room.quarantined:
        return
    anonymous = entry.special is not None and entry.special.anonymous
    yield Step("anonymous", anonymous or None, {"resource": entry.resource})
    if not anonymous:
        yield Step("signed_in", subject is not None, {"subject": subject.id if subject else ""})


def standing_steps(segment: Segment, subject: Subject, missed: Reason | None) -> Iterator[Step]:
    """Record how the standing of a subject was judged."""
    facts: Facts = {"subject": subject.id, "factors": tuple(str(one.factor) for one in subject.verifications)}
    if subject.kind is SubjectKind.SERVICE:
        facts = {"subject": subject.id, "allow_service_accounts": segment.allow_service_accounts}
    return _steps(STANDING[subject.kind], missed, dict.fromkeys(dict(STANDING[subject.kind]), facts))


def grant_steps(opening: Opening, missed: Reason | None) -> Iterator[Step]:
    """Record how the grants to one holder that are narrowed alike were judged."""
    for grant in opening.grants:
        facts = {"grant": grant, "holder": opening.holder, "missed": str(missed or "")}
        yield Step("grant", missed is None, facts)


def no_grant_step(segment: Segment, subject: Subject) -> Step:
    """Record that nothing opens the segment to the subject."""
    return Step(
        "grant",
        passed=False,
        detail={"segment": segment.slug, "subject": subject.id, "roles": tuple(sorted(subject.roles))},
    )


def requirement_steps(segment: Segment, subject: Subject, context: Context, missed: Reason | None) -> Iterator[Step]:
    """Record how the requirements of a segment were judged."""
    verified_at = verified_at_of(segment, subject)
    facts: dict[str, Facts] = {
        "segment_network": {
            "networks": tuple(map(str, segment.networks)),
            "address": "" if context.address is None else str(context.address),
        },
        "segment_hours": {"hours": segment.hours, "at": context.at},
        "assurance": {"assurance": str(segment.assurance), "verified_at": verified_at},
        "freshness": {"reauth_after": segment.reauth_after, "verified_at": verified_at, "at": context.at},
    }
    return _steps(REQUIREMENTS[subject.kind], missed, facts)


def _steps(
    criteria: tuple[tuple[str, Reason], ...], missed: Reason | None, facts: Mapping[str, Facts]
) -> Iterator[Step]:
    judged = True
    for name, reason in criteria:
        passed = None if not judged else reason is not missed
        judged = judged and reason is not missed
        yield Step(name, passed, facts[name])
