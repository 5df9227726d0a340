"""The page of a refusal on an application's own host, where there is no more than a style sheet from us."""

from datetime import datetime, timedelta
from typing import Any, Final, cast

from django.conf import settings
from django.template.loader import render_to_string

from audit.models import Entry
from segments.administrator import Ruling
from segments.enforcement.denials import as_told, denial_context
from segments.enforcement.destinations import destination
from segments.explanations import words
from segments.policy.model import Context, Decision, Reason, WebTarget

SHOWN_FOR: Final = timedelta(minutes=5)  # how long a refusal can be read by its reference
LONGEST_REFERENCE: Final = 40


def page(ruling: Ruling) -> str:
    """The page. That of a failed decision reads nothing: whatever failed may fail again."""
    if ruling.decision.reason is Reason.POLICY_ERROR:
        found = words(Reason.POLICY_ERROR)
        context = {"why": found.why, "help": found.help, "reference": ruling.reference, "reason": "policy_error"}
    else:
        context = denial_context(ruling, _asked(ruling))
    context |= {"portal": settings.ZT_PORTAL_URL, "username": ruling.subject.name if ruling.subject else ""}
    return render_to_string("applications/denied.html", context)


def recorded(reference: str, *, host: str, viewer: str, at: datetime) -> Ruling | None:
    """The refusal of that reference as far as `viewer` (a subject id, or empty for nobody) is told of it.

    None for a decision that allowed, of another host, or of more than five minutes ago.
    """
    found = Entry.objects.filter(kind="decision", reference=reference[:LONGEST_REFERENCE], at__gt=at - SHOWN_FOR)
    entry = found.first()
    if entry is None:
        return None
    data = cast("dict[str, Any]", entry.data)
    target = WebTarget(data["target"].get("host", ""), data["target"].get("path", ""), data["target"].get("method", ""))
    there = destination(f"{settings.SCHEME}://{target.host}/", scheme=settings.SCHEME)
    if data["allowed"] or there is None or there.host != host:
        return None
    decision = Decision(allowed=False, reason=Reason(data["reason"]), segment=entry.subject or None)
    ruling = Ruling(decision, entry.reference, None, target, Context(at=entry.at))
    return ruling if viewer and viewer == entry.actor else as_told(ruling)


def _asked(ruling: Ruling) -> str:
    target = ruling.target
    if not isinstance(target, WebTarget) or not target.host:
        return ""
    return f"{target.method} {target.host}{target.path.partition('?')[0]}"
