"""The portal: what I can reach, until when; each segment's own page, itself inside the segment; and the key set."""

from django.contrib.auth.decorators import login_not_required
from django.db import DatabaseError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render
from django.utils import timezone
from django.views.decorators.http import require_safe

from audit.ledger import LedgerError
from segments.assertion_keys import jwks_document
from segments.enforcement.entrances import decide_entrance, wanted_application, way_in
from segments.enforcement.middleware import DecidedRequest, in_segment
from segments.enforcement.responses import refusal
from segments.models import Segment
from segments.portal import my_access, my_segment


@require_safe
def portal(request: DecidedRequest) -> HttpResponse:
    """Everything within reach of the person who asks."""
    return render(request, "segments/portal.html", my_access(request.ruling))


@require_safe
def enter(request: DecidedRequest) -> HttpResponse:
    """On the way from the portal to an application's host: decided as it will be there, then a ticket that leads in."""
    wanted = wanted_application(request)
    if wanted is None:
        return render(request, "segments/unknown_application.html", status=404)
    context = request.ruling.context
    ruling = decide_entrance(request, wanted, context)
    if not ruling.decision.allowed:
        return refusal(request, ruling)
    return render(request, "segments/enter.html", {"host": wanted.host, "way": way_in(request, wanted, context)})


@in_segment(kwarg="slug")
@require_safe
def segment_page(request: DecidedRequest, slug: str) -> HttpResponse:
    """What a segment asks of whoever enters it, and what it holds."""
    segment = get_object_or_404(Segment, slug=slug)
    return render(request, "segments/segment.html", my_segment(request.ruling, segment))


@login_not_required
@require_safe
def jwks(_request: HttpRequest) -> HttpResponse:
    """The keys that verify what applications are told about who asks. The same for everybody: it may be cached."""
    try:
        document = jwks_document(timezone.now())
    except (DatabaseError, LedgerError):
        return JsonResponse({"status": "not ready", "reason": "database"}, status=503)
    return HttpResponse(document, content_type="application/json", headers={"Cache-Control": "max-age=300"})
