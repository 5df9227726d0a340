"""What a refused request gets: a way to sign in and back, a page that says why, or JSON for scripts."""

from dataclasses import replace
from typing import Final

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from segments.administrator import Ruling
from segments.explanations import words
from segments.models import Segment
from segments.policy.model import Decision, Obligation, Reason, ViewTarget

# Reasons that the person can mend at once, and where.
REMEDIES: Final[dict[Reason, str]] = {
    Reason.SIGN_IN_REQUIRED: "accounts:login",
    Reason.SESSION_ENDED: "accounts:login",
    Reason.SECOND_FACTOR_REQUIRED: "accounts:verify",
    Reason.ENROLMENT_REQUIRED: "accounts:enrol",
    Reason.REAUTHENTICATION_REQUIRED: "accounts:verify",
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})
# Reasons that say which segments there are and how they stand, with names: nobody is told before they sign in.
FOR_PEOPLE: Final = frozenset({Reason.UNKNOWN_RESOURCE, Reason.SEGMENT_QUARANTINED})
SIGN_IN_FIRST: Final = Decision(allowed=False, reason=Reason.SIGN_IN_REQUIRED, obligations=(Obligation.SIGN_IN,))


def refusal(request: HttpRequest, ruling: Ruling) -> HttpResponse:
    """The answer to a refused request. 401 means that proving more may help, 403 that it will not."""
    if ruling.subject is None and ruling.decision.reason in FOR_PEOPLE:
        ruling = replace(ruling, decision=SIGN_IN_FIRST)  # the ledger has the reason
    remedy = REMEDIES.get(ruling.decision.reason)
    if not wants_page(request):
        return _for_scripts(ruling, 401 if remedy else 403)
    if remedy:
        return redirect_to_login(_way_back(request), resolve_url(remedy))
    return _page(request, ruling)


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser shows this answer to a person."""
    mode = request.headers.get("Sec-Fetch-Mode")
    if mode is not None:
        return mode == "navigate"
    if request.headers.get("X-Requested-With") == "XMLHttpRequest":
        return False
    return "text/html" in request.headers.get("Accept", "")


def _way_back(request: HttpRequest) -> str:
    """Where to return to: an unsafe request is not repeated, it leads to the start."""
    return request.get_full_path() if request.method in SAFE_METHODS else resolve_url("segments:portal")


def _for_scripts(ruling: Ruling, status: int) -> JsonResponse:
    decision = ruling.decision
    found = words(decision.reason, decision.segment or "")
    body = {
        "allowed": False,
        "reason": decision.reason.value,
        "decision": ruling.reference,
        "message": f"{found.why} {found.help}".strip(),
        "obligations": [obligation.value for obligation in decision.obligations],
    }
    response = JsonResponse(body, status=status)
    if status == 401:
        response["WWW-Authenticate"] = 'Session realm="ztproject", error="insufficient_user_authentication"'
    return response


def _page(request: HttpRequest, ruling: Ruling) -> HttpResponse:
    decision = ruling.decision
    if decision.reason is Reason.POLICY_ERROR:
        return _failure_page(ruling)
    segment = (
        Segment.objects.filter(slug=decision.segment).prefetch_related("owners").first() if decision.segment else None
    )
    found = words(decision.reason, str(segment or ""))
    context = {
        "asked": _asked(request, ruling),
        "segment_name": str(segment or ""),
        "owners": ", ".join(owner.get_full_name() for owner in segment.owners.all()) if segment else "",
        "why": found.why,
        "help": found.help,
        "when": ruling.context.at,
        "reference": ruling.reference,
        "reason": decision.reason.value,
        "username": request.user.get_username(),
        "actions": [(resolve_url("segments:portal"), _("Back to my access"), True)],
    }
    return render(request, "segments/denied.html", context, status=403)


def _failure_page(ruling: Ruling) -> HttpResponse:
    """The page for a failed decision: it reads nothing, because whatever failed may fail again."""
    found = words(Reason.POLICY_ERROR)
    context = {"why": found.why, "help": found.help, "reference": ruling.reference, "reason": Reason.POLICY_ERROR.value}
    return HttpResponse(render_to_string("errors/decision_failed.html", context), status=403)


def _asked(request: HttpRequest, ruling: Ruling) -> str:
    place = request.path if isinstance(ruling.target, ViewTarget) else f"{ruling.target.host}{ruling.target.path}"
    return f"{ruling.target.method} {place}"
