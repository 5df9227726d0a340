"""The few pages of ours on an application's own host, below `/.zt/`: on the way to the sign-in and back, out, refused.

The proxy hands `/.zt/` of every host to the decision point, with the host as the client sent it. Nothing here opens
anything: a ticket is exchanged for a cookie, and the next request is decided like any other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode

from django.conf import settings
from django.template.loader import render_to_string

from accounts import applications
from segments.enforcement import answers, refusals
from segments.enforcement.answers import Answer
from segments.enforcement.denials import told_to_scripts
from segments.enforcement.destinations import Destination, destination
from segments.enforcement.proxies import Received
from segments.enforcement.visits import client_address, cookie_name, cookie_of, start_cookie_name
from segments.validation import is_local

PREFIX: Final = "/.zt/"
ABROAD: Final = timedelta(minutes=15)  # how long a browser may be away for the sign-in
LONGEST_QUESTION: Final = 2000  # the portal's sign-in leads back to no longer an address
STATIC: Final = Path(settings.BASE_DIR) / "static"
FILES: Final = {
    "frame.css": ("css/frame.css", "text/css; charset=utf-8"),
    "base.css": ("css/base.css", "text/css; charset=utf-8"),
    "mark.svg": ("img/mark.svg", "image/svg+xml"),
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request below `/.zt/` came to: the top of an application's host."""

    top: Destination
    received: Received
    peer: str
    at: datetime

    def parameter(self, name: str) -> str:
        """A parameter of the query; empty where it is missing or there twice."""
        query = self.received.path.partition("?")[2]
        found = parse_qs(query, keep_blank_values=True, max_num_fields=10).get(name, [])
        return found[0] if len(found) == 1 else ""

    @property
    def is_from_here(self) -> bool:
        """Whether a form was sent by a page of this very origin."""
        site, origin = self.received.value("sec-fetch-site"), self.received.value("origin")
        return site == "same-origin" if site else origin.lower() == self.top.origin


def respond(received: Received, *, peer: str, at: datetime) -> Answer:
    """Answer a request below `/.zt/`. A request without one host that can be read is refused."""
    name = received.path.partition("?")[0].removeprefix(PREFIX)
    # A ticket is not spent by a request that only asks for headers.
    method = "GET" if received.method == "HEAD" and name not in ("start", "enter") else received.method
    if method == "GET" and name in FILES:
        return _file(*FILES[name])
    top = destination(f"{settings.SCHEME}://{received.value('host')}/", scheme=settings.SCHEME)
    if top is None or top.path != "/" or not (settings.ZT_TLS or is_local(top.host)):  # a host with a `/` in it is none
        return problem("host", HTTPStatus.FORBIDDEN)
    page = PAGES.get((method, name))
    if page is None:
        return problem("unknown", HTTPStatus.NOT_FOUND)
    try:
        return page(Place(top, received, peer, at))
    except ValueError:  # of parse_qs: more parameters than any page takes
        return problem("unknown", HTTPStatus.FORBIDDEN)


# ---------------------------------------------------------------- to the portal and back
def _start(place: Place) -> Answer:
    """To the portal, with the hash of a secret that stays in this browser."""
    if not settings.ZT_PORTAL_URL:  # the way would lead to this very host, and round in circles
        return problem("portal", HTTPStatus.FORBIDDEN)
    wanted = destination(place.parameter("rd"), scheme=settings.SCHEME)
    here = wanted if wanted and wanted.origin == place.top.origin and not _is_ours(wanted) else place.top
    secret = cookie_of(place.received, start_cookie_name())
    if applications.SECRET.fullmatch(secret) is None:  # tabs that begin at the same moment share one
        secret = applications.new_secret()
    challenge = applications.challenge_of(secret)
    question = urlencode({"to": here.url, "challenge": challenge})
    if len(question) > LONGEST_QUESTION:
        question = urlencode({"to": place.top.url, "challenge": challenge})
    kept = _cookie(start_cookie_name(), secret, int(ABROAD.total_seconds()))
    return answers.redirect(HTTPStatus.FOUND, f"{settings.ZT_PORTAL_URL}/enter/?{question}", (kept,))


def _enter(place: Place) -> Answer:
    """Back from the portal: the ticket becomes the cookie of this host. Without the secret it leads nowhere."""
    secret = cookie_of(place.received, start_cookie_name())
    if not secret:
        return problem("cookie", HTTPStatus.FORBIDDEN)
    entrance = applications.redeem(
        ticket=place.parameter("ticket"),
        host=place.top.host,
        secret=secret,
        address=client_address(place.received, place.peer),
        at=place.at,
    )
    target = destination(entrance.target, scheme=settings.SCHEME) if entrance else None
    if entrance is None or target is None or target.host != place.top.host:
        return problem("ticket", HTTPStatus.FORBIDDEN)
    return answers.redirect(HTTPStatus.SEE_OTHER, target.url, (_cookie(cookie_name(), entrance.key),))


def _is_ours(wanted: Destination) -> bool:
    return wanted.path.startswith(PREFIX)


# ---------------------------------------------------------------- out
def _ask_to_sign_out(place: Place) -> Answer:
    return _page("sign_out", HTTPStatus.OK, host=place.top.host)


def _sign_out(place: Place) -> Answer:
    """End the whole session, on the server; a form of this host alone may ask for it."""
    if not place.is_from_here:
        return problem("foreign", HTTPStatus.FORBIDDEN)
    key = cookie_of(place.received, cookie_name())
    applications.sign_out(key=key, host=place.top.host, address=client_address(place.received, place.peer), at=place.at)
    gone = _cookie(cookie_name(), "", 0)
    return _page("signed_out", HTTPStatus.OK, (gone,), host=place.top.host)


# ---------------------------------------------------------------- refused
def _refused(place: Place) -> Answer:
    """The page, or the fields, of a refusal that nginx could only answer with a number."""
    reference = place.parameter("decision")
    told = refusals.recorded(reference, host=place.top.host, viewer=_viewer(place), at=place.at)
    if told is None:
        return problem("refused", HTTPStatus.FORBIDDEN)
    if not answers.wants_page(place.received):
        return answers.script(HTTPStatus.FORBIDDEN, told_to_scripts(told))
    return answers.page(HTTPStatus.FORBIDDEN, refusals.page(told))


def _viewer(place: Place) -> str:
    """The subject id of the person whose live session looks at the page; empty for nobody."""
    key = cookie_of(place.received, cookie_name())
    visitor = applications.find(key=key, host=place.top.host, at=place.at, is_use=False) if key else None
    return visitor.user.subject_id if visitor and visitor.session_active else ""


def problem(kind: str, status: HTTPStatus) -> Answer:
    """A page that says what went wrong on the way, and what to do."""
    return _page("problem", status, problem=kind)


# ---------------------------------------------------------------- parts
def _page(template: str, status: HTTPStatus, headers: answers.Headers = (), **context: Any) -> Answer:
    html = render_to_string(f"applications/{template}.html", {"portal": settings.ZT_PORTAL_URL, **context})
    return answers.page(status, html, headers)


def _cookie(name: str, value: str, max_age: int | None = None) -> tuple[str, str]:
    return answers.cookie(name, value, secure=settings.ZT_TLS, max_age=max_age)


def _file(name: str, content_type: str) -> Answer:
    headers = (("content-type", content_type), ("cache-control", "max-age=300"), ("x-content-type-options", "nosniff"))
    return Answer(HTTPStatus.OK, headers, (STATIC / name).read_bytes())


PAGES: Final[Mapping[tuple[str, str], Callable[[Place], Answer]]] = {
    ("GET", "start"): _start,
    ("GET", "enter"): _enter,
    ("GET", "sign-out"): _ask_to_sign_out,
    ("POST", "sign-out"): _sign_out,
    ("GET", "refused"): _refused,
}
