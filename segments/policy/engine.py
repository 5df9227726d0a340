"""The one function that decides, for every enforcement point, explanation, preview and guardrail.

Steps and reasons are those of the policy contract, in its order: target, resource, quarantine, anonymous, standing of
the subject, grants, requirements of the segment. The first criterion missed gives the reason; what the subject holds
and what the segment asks for are judged in the same pass all the same, so that a trace can tell all that is missing.
"""

from typing import Final

from .criteria import narrowed_by, nearest, requirement_of, standing_of
from .lookup import Entry, Found, Opening, Room
from .model import (
    Context,
    Decision,
    Factor,
    Obligation,
    Policy,
    Reason,
    Step,
    Subject,
    ViewTarget,
    WebTarget,
)
from .target import MalformedTargetError, action_of, readings
from .trace import entrance_steps, grant_steps, no_grant_step, requirement_steps, standing_steps

Target = ViewTarget | WebTarget
Paths = tuple[str, ...]
Ids = tuple[str, ...]
Trace = list[Step] | None

# A member of an enumeration is slow to reach by name, and this one ends most decisions.
_GRANTED: Final = Reason.GRANTED

_OBLIGATIONS: Final = {
    Reason.SIGN_IN_REQUIRED: (Obligation.SIGN_IN,),
    Reason.SESSION_ENDED: (Obligation.SIGN_IN,),
    Reason.SECOND_FACTOR_REQUIRED: (Obligation.VERIFY_SECOND_FACTOR,),
    Reason.ENROLMENT_REQUIRED: (Obligation.ENROL,),
    Reason.STRONGER_FACTOR_REQUIRED: (Obligation.ENROL_STRONGER,),
    Reason.REAUTHENTICATION_REQUIRED: (Obligation.REAUTHENTICATE,),
}


def decide(
    policy: Policy,
    subject: Subject | None,
    target: Target,
    context: Context,
    *,
    action: str | None = None,
    trace: Trace = None,
) -> Decision:
    """Decide whether the subject (None: nobody signed in) may do what it asks, at the time and from the place it asks.

    `action` is a custom action that replaces the one of the method. `trace`, if given, receives every criterion.
    A target with several readings is allowed only if all of them are; the first one denied gives the reason.
    """
    try:
        asked = action_of(target.method)
        if isinstance(target, WebTarget):
            paths = readings(target.path)
            found = policy.index.web(target.host, paths, target.method)
        else:
            paths = ()
            found = policy.index.view(target.name)
    except MalformedTargetError as error:
        if trace is not None:
            trace.append(Step("target", passed=False, detail=str(error)))
        return Decision(allowed=False, reason=Reason.MALFORMED_TARGET)
    if trace is not None:
        trace.append(Step("target", passed=True, detail={"readings": paths, "action": action or asked}))
    if len(found) == 1:
        return _judge(found[0], subject, context, action or asked, paths, trace)
    return _judge_all(found, subject, context, action or asked, paths, trace)


def _judge_all(
    found: Found,
    subject: Subject | None,
    context: Context,
    action: str,
    paths: Paths,
    trace: Trace,
) -> Decision:
    """Return the first decision that denies; if none does, the first one, with the grants of all."""
    decisions = [_judge(entry, subject, context, action, paths, trace) for entry in found]
    for decision in decisions:
        if not decision.allowed:
            return decision
    first = decisions[0]
    grants = tuple(dict.fromkeys(grant for decision in decisions for grant in decision.grants))
    return Decision(
        first.allowed, first.reason, first.segment, first.resource, grants, first.obligations, first.readings
    )


def _judge(
    entry: Entry | None,
    subject: Subject | None,
    context: Context,
    action: str,
    paths: Paths,
    trace: Trace,
) -> Decision:
    if trace is not None:
        trace.extend(entrance_steps(entry, subject))
    if entry is None:
        return Decision(allowed=False, reason=Reason.UNKNOWN_RESOURCE, readings=paths)
    room = entry.room
    if room.quarantined:
        return _at_the_door(entry, Reason.SEGMENT_QUARANTINED, paths)
    if entry.special is not None and entry.special.anonymous:
        return _at_the_door(entry, Reason.ANONYMOUS_RESOURCE, paths)
    if subject is None:
        return _at_the_door(entry, Reason.SIGN_IN_REQUIRED, paths)
    standing = standing_of(room, subject)
    if trace is not None:
        trace.extend(standing_steps(room.segment, subject, standing))
    narrowed, grants = _opening(room, subject, context, action, trace)
    required = requirement_of(room.segment, subject, context) if room.demanding else None
    if trace is not None:
        trace.extend(requirement_steps(room.segment, subject, context, required))
    reason = standing or narrowed or required or _GRANTED
    obligations = () if reason is _GRANTED else _obligations(reason, subject)
    # Past the __new__ that NamedTuple writes in Python: it takes as long as all criteria of a plain segment together.
    return tuple.__new__(
        Decision,
        (reason is _GRANTED, reason, room.slug, entry.resource, () if standing else grants, obligations, paths),
    )


def _at_the_door(entry: Entry, reason: Reason, paths: Paths) -> Decision:
    """Decide before anybody has looked at the subject."""
    allowed = reason is Reason.ANONYMOUS_RESOURCE
    obligations = () if allowed else _obligations(reason, None)
    return Decision(allowed, reason, entry.room.slug, entry.resource, (), obligations, paths)


def _opening(room: Room, subject: Subject, context: Context, action: str, trace: Trace) -> tuple[Reason | None, Ids]:
    """Return the grants that open the segment; else why none does, and the ones that come nearest."""
    opened: Ids = ()
    narrowed: list[tuple[Reason, Opening]] = []
    for opening in room.held_by(subject.id, subject.roles):
        missed = narrowed_by(opening.narrowing, action, context)
        if trace is not None:
            trace.extend(grant_steps(opening, missed))
        if missed is None:
            opened += opening.grants
        else:
            narrowed.append((missed, opening))
    if opened:
        return None, opened
    if trace is not None and not narrowed:
        trace.append(no_grant_step(room.segment, subject))
    return nearest(narrowed)


def _obligations(reason: Reason, subject: Subject | None) -> tuple[Obligation, ...]:
    if reason is Reason.STRONGER_FACTOR_REQUIRED and subject is not None and Factor.WEBAUTHN in subject.factors:
        return (Obligation.STRONGER_FACTOR,)
    return _OBLIGATIONS.get(reason, ())
