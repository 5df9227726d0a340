"""What is told of a refusal: the words of a page, the fields for a script. To nobody more than is theirs to know."""

from dataclasses import replace
from typing import Any, Final

from segments import snapshot
from segments.administrator import Ruling
from segments.explanations import words
from segments.models import Segment
from segments.policy.model import Decision, Obligation, Reason, Subject, WebTarget
from segments.policy.target import MalformedTargetError, canonical_host

SESSION_CHALLENGE: Final = 'Session realm="ztproject", error="insufficient_user_authentication"'
# Reasons that say which segments there are and how they stand, with names: nobody is told before they sign in.
FOR_PEOPLE: Final = frozenset({Reason.UNKNOWN_RESOURCE, Reason.SEGMENT_QUARANTINED})
SIGN_IN_FIRST: Final = Decision(allowed=False, reason=Reason.SIGN_IN_REQUIRED, obligations=(Obligation.SIGN_IN,))


def as_told(ruling: Ruling) -> Ruling:
    """The refusal as far as whoever asks may know it. The ledger has the reason itself."""
    if not _is_known(ruling.subject) and ruling.decision.reason in FOR_PEOPLE and _has_way_in(ruling):
        return replace(ruling, decision=SIGN_IN_FIRST)
    return ruling


def _is_known(subject: Subject | None) -> bool:
    """Whether somebody is signed in. A cookie of a session that is over, or of an account that is, proves nothing."""
    return subject is not None and subject.session_active and subject.active and not subject.quarantined


def _has_way_in(ruling: Ruling) -> bool:
    """Whether signing in leads anywhere. Not to a host that nobody registered: no ticket is given out for one."""
    if not isinstance(ruling.target, WebTarget):
        return True
    try:
        return snapshot.current().index.has_host(canonical_host(ruling.target.host))
    except MalformedTargetError:
        return False


def told_to_scripts(ruling: Ruling) -> dict[str, Any]:
    decision = ruling.decision
    found = words(decision.reason, decision.segment or "")
    return {
        "allowed": False,
        "reason": decision.reason.value,
        "decision": ruling.reference,
        "message": f"{found.why} {found.help}".strip(),
        "obligations": [obligation.value for obligation in decision.obligations],
    }


def denial_context(ruling: Ruling, asked: str) -> dict[str, Any]:
    """What the page of a refusal says: what was asked, whose it is, why not, what helps, when, and the reference."""
    decision = ruling.decision
    segment = (
        Segment.objects.filter(slug=decision.segment).prefetch_related("owners").first() if decision.segment else None
    )
    found = words(decision.reason, str(segment or ""))
    return {
        "asked": asked,
        "segment_name": str(segment or ""),
        "owners": ", ".join(owner.get_full_name() for owner in segment.owners.all()) if segment else "",
        "why": found.why,
        "help": found.help,
        "when": ruling.context.at,
        "reference": ruling.reference,
        "reason": decision.reason.value,
    }
