"""Forward-auth: a proxy asks about a request to an application, and gets the answer that its family understands."""

import logging
from dataclasses import replace
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final

from django.conf import settings
from django.utils import timezone

from segments import administrator
from segments.administrator import Ruling
from segments.enforcement import answers, application_pages, assertion, metrics, refusals
from segments.enforcement.answers import Answer
from segments.enforcement.denials import as_told, told_to_scripts
from segments.enforcement.proxies import Family, Question, Received, UnreadableError, question
from segments.enforcement.responses import REMEDIES
from segments.enforcement.visits import Visit, client_address, token_of
from segments.policy.model import Context, Reason, WebTarget
from segments.policy.target import MalformedTargetError, canonical_host, readings
from segments.validation import is_local, is_portal_host

logger: Final = logging.getLogger(__name__)

UNREADABLE: Final = WebTarget(host="", path="", method="")


def answer(family: Family, received: Received, *, peer: str, at: datetime) -> Answer:
    """Decide what a trusted proxy asks. Whatever this raises is for its caller a refusal."""
    with metrics.SECONDS.labels(family).time():
        return _answer(family, received, peer, at)


def _answer(family: Family, received: Received, peer: str, at: datetime) -> Answer:
    context = Context(at=at, address=client_address(received, peer))
    try:
        asked = question(family, received, scheme=settings.SCHEME)
    except UnreadableError as error:
        metrics.DECISIONS.labels(family, Reason.MALFORMED_TARGET).inc()
        return refused(family, received, administrator.refuse(UNREADABLE, context, str(error)))
    why = _why_never(asked)
    if why:
        return refused(family, received, administrator.refuse(asked.target, context, why))
    visit = Visit(asked, received, context.address, at)
    ruling = _decide(visit, asked, context)
    metrics.DECISIONS.labels(family, ruling.decision.reason).inc()
    if ruling.decision.allowed:
        return _allowed(family, visit, ruling)
    ruling = as_told(ruling)
    if ruling.decision.reason in REMEDIES:
        return _prove_more(family, visit, ruling)
    return refused(family, received, ruling)


def _why_never(asked: Question) -> str:
    """Why a question is refused whatever the policy says; empty where it is not."""
    try:
        host, paths = canonical_host(asked.target.host), readings(asked.target.path)
    except MalformedTargetError:
        return ""  # the engine refuses it with that reason
    if is_portal_host(host):  # by a wildcard; no application may ever see the portal's cookie
        return "the portal's host is no application's"
    if not settings.ZT_TLS and not is_local(host):
        return "without TLS there are applications on localhost alone"
    if any(
        path.startswith(application_pages.PREFIX) for path in paths
    ):  # led to the sign-in, a browser would go in circles
        return "the proxy has to hand `/.zt/` to the decision point"
    return ""


def _prove_more(family: Family, visit: Visit, ruling: Ruling) -> Answer:
    """A no that proving more may turn into a yes: the way there for a person, 401 for everybody else."""
    marks, told = answers.marks(ruling), told_to_scripts(ruling)
    if token_of(visit.received):
        return answers.script(HTTPStatus.UNAUTHORIZED, told, (answers.BEARER, *marks))
    if not answers.wants_page(visit.received):
        return answers.script(HTTPStatus.UNAUTHORIZED, told, (answers.SESSION, *marks))
    return answers.sign_in(family, visit.asked, marks)


def _decide(visit: Visit, asked: Question, context: Context) -> Ruling:
    """The ruling on the request, or on a method that its headers ask for instead, if that one is refused."""
    for method in asked.other_methods:
        instead = administrator.decide(visit.find_subject, replace(asked.target, method=method), context)
        if not instead.decision.allowed:
            return instead
    return administrator.decide(visit.find_subject, asked.target, context)


def refused(family: Family, received: Received, ruling: Ruling) -> Answer:
    """403 and the reference, with the page or the fields that say why; nginx takes no body."""
    marks = answers.marks(ruling)
    if family is Family.NGINX:
        return Answer(HTTPStatus.FORBIDDEN, (*answers.ALWAYS, *marks))
    if answers.wants_page(received):
        return answers.page(HTTPStatus.FORBIDDEN, refusals.page(ruling), marks)
    return answers.script(HTTPStatus.FORBIDDEN, told_to_scripts(ruling), marks)


def _allowed(family: Family, visit: Visit, ruling: Ruling) -> Answer:
    """Yes, with who is asking. Where that cannot be signed, or nobody waits for it any more, the yes is withdrawn."""
    if timezone.now() - visit.at >= timedelta(seconds=settings.ZT_DECISION_TIMEOUT):
        return refused(family, visit.received, administrator.withdraw(ruling))
    try:
        signed = assertion.sign(ruling, email=visit.email)
    except Exception:
        logger.exception("who is asking could not be signed: decision %s was withdrawn", ruling.reference)
        return refused(family, visit.received, administrator.withdraw(ruling))
    known = ruling.decision.reason is not Reason.ANONYMOUS_RESOURCE  # which lets in without a look at who it is
    return answers.allowed(
        ruling.subject if known else None,
        email=visit.email if known else "",
        segment=ruling.decision.segment or "",
        reference=ruling.reference,
        assertion=signed,
    )
