"""What a refused request gets: a way to sign in and back, a page that says why, or JSON for scripts."""

from typing import Final

from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render, resolve_url
from django.template.loader import render_to_string
from django.utils.translation import gettext as _

from segments.administrator import Ruling
from segments.enforcement.audience import shows_page
from segments.enforcement.denials import SESSION_CHALLENGE, as_told, denial_context, told_to_scripts
from segments.explanations import words
from segments.policy.model import Reason, ViewTarget

# Reasons that the person can mend at once, and where.
REMEDIES: Final[dict[Reason, str]] = {
    Reason.SIGN_IN_REQUIRED: "accounts:login",
    Reason.SESSION_ENDED: "accounts:login",
    Reason.SECOND_FACTOR_REQUIRED: "accounts:verify",
    Reason.ENROLMENT_REQUIRED: "accounts:enrol",
    Reason.REAUTHENTICATION_REQUIRED: "accounts:verify",
}
SAFE_METHODS: Final = frozenset({"GET", "HEAD"})


def refusal(request: HttpRequest, ruling: Ruling) -> HttpResponse:
    """The answer to a refused request. 401 means that proving more may help, 403 that it will not."""
    ruling = as_told(ruling)
    remedy = REMEDIES.get(ruling.decision.reason)
    if not wants_page(request):
        return _for_scripts(ruling, 401 if remedy else 403)
    if remedy:
        return redirect_to_login(_way_back(request), resolve_url(remedy))
    return _page(request, ruling)


def wants_page(request: HttpRequest) -> bool:
    """Whether a browser shows this answer to a person."""
    return shows_page(
        mode=request.headers.get("Sec-Fetch-Mode", ""),
        requested_with=request.headers.get("X-Requested-With", ""),
        accept=request.headers.get("Accept", ""),
    )


def _way_back(request: HttpRequest) -> str:
    """Where to return to: an unsafe request is not repeated, it leads to the start."""
    return request.get_full_path() if request.method in SAFE_METHODS else resolve_url("segments:portal")


def _for_scripts(ruling: Ruling, status: int) -> JsonResponse:
    response = JsonResponse(told_to_scripts(ruling), status=status)
    if status == 401:
        response["WWW-Authenticate"] = SESSION_CHALLENGE
    return response


def _page(request: HttpRequest, ruling: Ruling) -> HttpResponse:
    if ruling.decision.reason is Reason.POLICY_ERROR:
        return _failure_page(ruling)
    context = {
        **denial_context(ruling, _asked(request, ruling)),
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
