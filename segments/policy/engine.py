"""The one function that decides, for every enforcement point, explanation, preview and guardrail.

Steps and reasons are those of the policy contract, in its order: target, resource, quarantine, anonymous, standing of
the subject, second factor, grants, requirements of the segment. Every criterion that applies is judged in one pass;
the first one missed gives the reason, and a trace is nothing but a record of that pass.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from .criteria import REQUIREMENTS, STANDING, Criterion, narrowing_of, nearest
from .lookup import Entry, Index, Room, entries_of
from .model import (
    Context,
    Decision,
    Factor,
    Obligation,
    Policy,
    Reason,
    Segment,
    Step,
    Subject,
    ViewTarget,
    WebTarget,
)
from .target import MalformedTarget, action_of, readings

Target = ViewTarget | WebTarget
Paths = tuple[str, ...]
Trace = list[Step] | None

# Members of an enumeration are slow to reach by name; these two are on every allowed path.
_GRANTED: Final = Reason.GRANTED
_ANONYMOUS: Final = Reason.ANONYMOUS_RESOURCE

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
        action = action or action_of(target.method)
        paths, entries = _resources(policy.index, target)
    except MalformedTarget as error:
        if trace is not None:
            trace.append(Step("target", False, str(error)))
        return Decision(False, Reason.MALFORMED_TARGET)
    if trace is not None:
        trace.append(Step("target", True, {"readings": paths, "action": action}))
    if len(entries) == 1:
        return _judge(entries[0], subject, context, action, paths, trace)
    return _first_denied([_judge(entry, subject, context, action, paths, trace) for entry in entries])


def _resources(index: Index, target: Target) -> tuple[Paths, tuple[Entry | None, ...]]:
    """Return the readings of a target and the resources they fall into, each once; None stands for no resource."""
    if isinstance(target, ViewTarget):
        return (), (index.view(target.name),)
    sites = index.sites(target.host)
    paths = readings(target.path)
    if len(paths) == 1:
        return paths, entries_of(sites, paths[0], target.method)
    found = (entry for path in paths for entry in entries_of(sites, path, target.method))
    return paths, tuple({id(entry): entry for entry in found}.values())


def _first_denied(decisions: list[Decision]) -> Decision:
    for decision in decisions:
        if not decision.allowed:
            return decision
    grants = dict.fromkeys(grant for decision in decisions for grant in decision.grants)
    return replace(decisions[0], grants=tuple(grants))


def _judge(
    entry: Entry | None, subject: Subject | None, context: Context, action: str, paths: Paths, trace: Trace
) -> Decision:
    if trace is not None:
        trace.append(_found(entry))
    if entry is None:
        return Decision(False, Reason.UNKNOWN_RESOURCE, readings=paths)
    reason, grants = _reason(entry, subject, context, action, trace)
    allowed = reason is _GRANTED or reason is _ANONYMOUS
    obligations = () if allowed else _obligations(reason, subject)
    return Decision(allowed, reason, entry.room.segment.slug, entry.resource, grants, obligations, paths)


def _found(entry: Entry | None) -> Step:
    if entry is None:
        return Step("resource", False, "no resource covers the target")
    return Step("resource", True, {"resource": entry.resource, "segment": entry.room.segment.slug})


def _reason(
    entry: Entry, subject: Subject | None, context: Context, action: str, trace: Trace
) -> tuple[Reason, tuple[str, ...]]:
    segment = entry.room.segment
    if trace is not None:
        trace.append(Step("segment_enforced", not segment.quarantined, {"segment": segment.slug}))
    if segment.quarantined:
        return Reason.SEGMENT_QUARANTINED, ()
    if entry.anonymous:
        return _ANONYMOUS, ()
    if trace is not None:
        trace.append(Step("signed_in", subject is not None, {"subject": subject.id if subject else ""}))
    if subject is None:
        return Reason.SIGN_IN_REQUIRED, ()
    standing = _first_missed(STANDING[subject.kind], segment, subject, context, trace)
    narrowed, grants = _opening(entry.room, subject, context, action, trace)
    required = _first_missed(REQUIREMENTS[subject.kind], segment, subject, context, trace)
    return standing or narrowed or required or _GRANTED, () if standing else grants


def _first_missed(
    criteria: tuple[Criterion, ...], segment: Segment, subject: Subject, context: Context, trace: Trace
) -> Reason | None:
    missed = None
    for criterion in criteria:
        holds = criterion.holds(segment, subject, context)
        if trace is not None:
            trace.append(Step(criterion.name, holds, criterion.facts(segment, subject, context)))
        if not holds and missed is None:
            missed = criterion.reason
    return missed


def _opening(
    room: Room, subject: Subject, context: Context, action: str, trace: Trace
) -> tuple[Reason | None, tuple[str, ...]]:
    """Return the grants that open the segment; else why none does, and the ones that come nearest."""
    opened: tuple[str, ...] = ()
    narrowed: list[tuple[Reason, str]] = []
    for grant in room.grants_of(subject.id, subject.roles):
        reason = narrowing_of(grant, action, context)
        if trace is not None:
            trace.append(Step("grant", reason is None, _facts_of(grant.id, grant.holder, reason)))
        if reason is None:
            opened += (grant.id,)
        else:
            narrowed.append((reason, grant.id))
    if opened:
        return None, opened
    if trace is not None and not narrowed:
        trace.append(Step("grant", False, {"subject": subject.id, "roles": tuple(sorted(subject.roles))}))
    return nearest(narrowed)


def _facts_of(grant: str, holder: str, missed: Reason | None) -> Mapping[str, object]:
    return {"grant": grant, "holder": holder, "missed": str(missed or "")}


def _obligations(reason: Reason, subject: Subject | None) -> tuple[Obligation, ...]:
    if reason is Reason.STRONGER_FACTOR_REQUIRED and subject is not None and Factor.WEBAUTHN in subject.factors:
        return (Obligation.STRONGER_FACTOR,)
    return _OBLIGATIONS.get(reason, ())
