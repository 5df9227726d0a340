"""The policy administrator: asks the engine, records the answer, and closes when anything fails.

Holds the only `except Exception` on the way of a decision: unknown means denied. No record, no allow.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final

from audit import ledger
from segments import snapshot
from segments.policy.engine import decide as engine_decide
from segments.policy.model import Context, Decision, Reason, Subject, ViewTarget, WebTarget

logger: Final = logging.getLogger(__name__)

POLICY_ERROR: Final = Decision(allowed=False, reason=Reason.POLICY_ERROR)


@dataclass(frozen=True, slots=True)
class Ruling:
    """A decision that was recorded under `reference`, and whom it concerned."""

    decision: Decision
    reference: str
    subject: Subject | None
    target: ViewTarget | WebTarget
    context: Context


def decide(
    find_subject: Callable[[], Subject | None],
    target: ViewTarget | WebTarget,
    context: Context,
    *,
    action: str | None = None,
) -> Ruling:
    """Decide one request on what is true now, record it, and only then answer.

    `find_subject` is called here so that a failure to read who asks is a refusal like any other. Never raises.
    """
    ruling = Ruling(POLICY_ERROR, ledger.new_reference(), None, target, context)
    try:
        ruling = replace(ruling, subject=find_subject())
        policy = snapshot.current()
        decision = engine_decide(policy, ruling.subject, target, context, action=action)
        decided = replace(ruling, decision=decision)
        _record(decided, policy.version)
    except Exception:
        logger.exception("decision %s failed and was refused", ruling.reference)
        return _refused(ruling)
    return decided


def refuse(target: ViewTarget | WebTarget, context: Context, why: str) -> Ruling:
    """Refuse a question that cannot be read, and record it. Never raises."""
    unreadable = Decision(allowed=False, reason=Reason.MALFORMED_TARGET)
    return _refused(Ruling(unreadable, ledger.new_reference(), None, target, context), unreadable=why)


def withdraw(ruling: Ruling) -> Ruling:
    """Take back a decision that allowed, because its answer cannot be given; recorded under a reference of its own."""
    taken_back = replace(ruling, decision=POLICY_ERROR, reference=ledger.new_reference())
    return _refused(taken_back, withdraws=ruling.reference)


def _refused(ruling: Ruling, **more: str) -> Ruling:
    """A refusal because something failed; recorded where that still works."""
    try:
        _record(ruling, 0, **more)
    except Exception:
        logger.exception("the refusal %s could not be recorded", ruling.reference)
    return ruling


def _record(ruling: Ruling, policy_version: int, **more: str) -> None:
    subject = ruling.subject
    ledger.record(
        kind="decision",
        reference=ruling.reference,
        actor=subject.id if subject else "",
        subject=ruling.decision.segment or "",
        at=ruling.context.at,
        data={
            "allowed": ruling.decision.allowed,
            "reason": ruling.decision.reason.value,
            "resource": ruling.decision.resource,
            "grants": list(ruling.decision.grants),
            "policy_version": policy_version,
            "target": _target_data(ruling.target),
            "address": str(ruling.context.address) if ruling.context.address else None,
            "verifications": [[item.factor.value, item.at.isoformat()] for item in subject.verifications]
            if subject
            else [],
            "roles": sorted(subject.roles) if subject else [],
            **more,
        },
    )


def _target_data(target: ViewTarget | WebTarget) -> dict[str, Any]:
    """What was asked for, without the query: queries carry secrets. Cut, since nobody limits what is asked."""
    if isinstance(target, ViewTarget):
        return {"view": target.name[:300], "method": target.method[:40]}
    return {"host": target.host[:300], "path": target.path.partition("?")[0][:2048], "method": target.method[:40]}
