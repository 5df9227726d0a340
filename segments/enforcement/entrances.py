"""From the portal to an application: what was asked for, whether it opens, and the ticket that leads in.

The way there is a page that refreshes itself rather than a redirect: a browser follows no redirect out of the portal
after a form was sent (`form-action 'self'`), and a person comes here straight from the sign-in form.
"""

import re
from typing import Final
from urllib.parse import urlencode

from django.conf import settings
from django.http import HttpRequest

from accounts import applications
from accounts.sessions import SessionRequest
from segments import administrator, snapshot
from segments.administrator import Ruling
from segments.enforcement.asking import subject_asking
from segments.enforcement.destinations import Destination, destination
from segments.policy.model import Context, WebTarget
from segments.validation import is_local, is_portal_host

PORT: Final = re.compile(r":([0-9]+)\Z")


def wanted_application(request: HttpRequest) -> Destination | None:
    """The registered application that the request names, with the challenge of a browser. None for anything else."""
    named = request.GET.getlist("to")
    wanted = destination(named[0], scheme=settings.SCHEME) if len(named) == 1 else None
    if wanted is None or applications.CHALLENGE.fullmatch(_challenge(request)) is None:
        return None
    is_application = not is_portal_host(wanted.host) and snapshot.current().index.has_host(wanted.host)
    return wanted if is_application and _is_at_its_port(wanted) else None


def decide_entrance(request: SessionRequest, wanted: Destination, context: Context) -> Ruling:
    """Whether the person may open it: decided as it will be there, and recorded like every decision."""
    target = WebTarget(host=wanted.origin.partition("://")[2], path=wanted.path, method="GET")
    return administrator.decide(lambda: subject_asking(request, context.at), target, context)


def way_in(request: SessionRequest, wanted: Destination, context: Context) -> str:
    """The address, on the application's host, at which a new ticket is exchanged."""
    ticket = applications.issue_ticket(
        sid=request.session.sid, host=wanted.host, challenge=_challenge(request), target=wanted.url, at=context.at
    )
    return f"{wanted.origin}/.zt/enter?{urlencode({'ticket': ticket})}"


def _is_at_its_port(wanted: Destination) -> bool:
    """Whether a ticket is sent to where applications are, not to whoever listens on another port of their host.

    Without TLS there is localhost alone, all of which is one machine of one person.
    """
    if not settings.ZT_TLS:
        return is_local(wanted.host)
    port = PORT.search(wanted.origin)
    return (port[1] if port else "443") == str(settings.ZT_APPLICATION_PORT)


def _challenge(request: HttpRequest) -> str:
    found = request.GET.getlist("challenge")
    return found[0] if len(found) == 1 else ""
