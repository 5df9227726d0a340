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
from segments.enforcement import answers, application_pages, assertion, metrics
from segments.enforcement.answers import Answer
from segments.enforcement.denials import as_told, told_to_scripts
from segments.enforcement.proxies import Family, Question, Received, UnreadableError, question
from segments.enforcement.responses import REMEDIES
from segments.enforcement.visits import Visit, client_address, token_of
from segments.policy.model import Context, Reason, WebTarget
from segments.policy.target import MalformedTargetError, canonical_host
from segments.validation import is_portal_host

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
    if _is_portal(asked):
        ruling = administrator.refuse(asked.target, context, "the portal's host is no application's")
        return refused(family, received, ruling)
    if asked.target.path.startswith(application_pages.PREFIX):  # led to the sign-in, a browser would go in circles
        ruling = administrator.refuse(asked.target, context, "the proxy has to hand `/.zt/` to the decision point")
        return refused(family, received, ruling)
    visit = Visit(asked, received, context.address, at)
    ruling = _decide(visit, asked, context)
    metrics.DECISIONS.labels(family, ruling.decision.reason).inc()
    if ruling.decision.allowed:
        return _allowed(family, visit, ruling)
    ruling = as_told(ruling)
    if ruling.decision.reason in REMEDIES:
        return _prove_more(family, visit, ruling)
    return refused(family, received, ruling)


def _is_portal(asked: Question) -> bool:
    """Whether a wildcard led here with the host of the portal, whose cookie no application may ever see."""
    try:
        return is_portal_host(canonical_host(asked.target.host))
    except MalformedTargetError:
        return False  # the engine refuses it with that reason


def _prove_more(family: Family, visit: Visit, ruling: Ruling) -> Answer:
    """A no that proving more may turn into a yes: the way there for a person, 401 for everybody else."""
    if token_of(visit.received):
        return answers.unauthorized(answers.BEARER, told_to_scripts(ruling))
    if not answers.wants_page(visit.received):
        return answers.unauthorized(answers.SESSION, told_to_scripts(ruling))
    return answers.sign_in(family, visit.asked)


def _decide(visit: Visit, asked: Question, context: Context) -> Ruling:
    """The ruling on the request, or on a method that its headers ask for instead, if that one is refused."""
    for method in asked.other_methods:
        instead = administrator.decide(visit.find_subject, replace(asked.target, method=method), context)
        if not instead.decision.allowed:
            return instead
    return administrator.decide(visit.find_subject, asked.target, context)


def refused(family: Family, received: Received, ruling: Ruling) -> Answer:
    """403 and the reference, with the page or the fields that say why; nginx takes no body."""
    reference = ("x-zt-decision", ruling.reference)
    if family is Family.NGINX:
        return Answer(HTTPStatus.FORBIDDEN, (*answers.ALWAYS, reference))
    if answers.wants_page(received):
        return answers.page(HTTPStatus.FORBIDDEN, application_pages.denied(ruling), (reference,))
    return answers.script(HTTPStatus.FORBIDDEN, told_to_scripts(ruling), (reference,))


def _allowed(family: Family, visit: Visit, ruling: Ruling) -> Answer:
    """Yes, with who is asking. Where that cannot be signed, or nobody waits for it any more, the yes is withdrawn."""
    if timezone.now() - visit.at >= timedelta(seconds=settings.ZT_DECISION_TIMEOUT):
        return refused(family, visit.received, administrator.withdraw(ruling))
    try:
        signed = assertion.sign(ruling, email=visit.email)
    except Exception:
        logger.exception("who is asking could not be signed: decision %s was withdrawn", ruling.reference)
        return refused(family, visit.received, administrator.withdraw(ruling))
    return answers.allowed(
        ruling.subject,
        email=visit.email,
        segment=ruling.decision.segment or "",
        reference=ruling.reference,
        assertion=signed,
    )
