"""What the decision point answers: each family of proxies only what it understands.

nginx takes 2xx, 401 and 403 and makes a 500 of everything else; Envoy takes 200 alone for a yes. A no that the person
can mend leads a browser to the sign-in and back, and tells a script 401; any other no is 403.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import quote

from segments.administrator import Ruling
from segments.enforcement.audience import shows_page
from segments.enforcement.denials import SESSION_CHALLENGE
from segments.enforcement.proxies import Family, Question, Received, is_websocket
from segments.policy.model import Subject

Headers = tuple[tuple[str, str], ...]

CONTENT_SECURITY_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
# Of every answer. Proxies hand them on, and none of them may be kept: the next request is decided anew.
ALWAYS: Final[Headers] = (("cache-control", "no-store"),)
OF_PAGES: Final[Headers] = (
    ("content-type", "text/html; charset=utf-8"),
    ("content-security-policy", CONTENT_SECURITY_POLICY),
    ("referrer-policy", "same-origin"),
    ("vary", "Accept, Cookie, Sec-Fetch-Mode"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
)
SESSION: Final = ("www-authenticate", SESSION_CHALLENGE)
BEARER: Final = ("www-authenticate", 'Bearer realm="ztproject", error="invalid_token"')  # RFC 6750, 3
LONGEST_LOCATION: Final = 3000  # nginx reads a head of 4096 bytes unless told otherwise, and fails on a longer one
READING: Final = frozenset({"GET", "HEAD", "OPTIONS"})
VISIBLE: Final = "".join(chr(code) for code in range(0x20, 0x7F) if chr(code) != "%")


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, headers and a body, as they leave."""

    status: int
    headers: Headers = ()
    body: bytes = b""


def page(status: int, html: str, headers: Headers = ()) -> Answer:
    return Answer(status, (*ALWAYS, *OF_PAGES, *headers), html.encode())


def script(status: int, body: dict[str, object], headers: Headers = ()) -> Answer:
    content = (("content-type", "application/json"), ("x-content-type-options", "nosniff"))
    return Answer(status, (*ALWAYS, *content, *headers), json.dumps(body).encode())


def redirect(status: int, location: str, headers: Headers = ()) -> Answer:
    return Answer(status, (*ALWAYS, ("location", location), *headers))


def allowed(subject: Subject | None, *, email: str, segment: str, reference: str, assertion: str) -> Answer:
    """200 with every identity header: some proxies keep what a client sent where one is missing."""
    values = (
        ("remote-user", subject.known_as if subject else ""),
        ("remote-name", subject.name if subject else ""),
        ("remote-email", email),
        ("remote-groups", ",".join(sorted(subject.roles)) if subject else ""),
        ("x-zt-segment", segment),
        ("x-zt-decision", reference),
    )
    identity = tuple((name, header_value(value)) for name, value in values)
    return Answer(HTTPStatus.OK, (*ALWAYS, *identity, ("x-zt-assertion", assertion)))


def header_value(text: str) -> str:
    """A value that cannot end a header: what is not visible ASCII is percent-encoded as UTF-8, as in a URL."""
    return quote(text, safe=VISIBLE)


def wants_page(received: Received) -> bool:
    """Whether a browser shows the answer to a person."""
    return not is_websocket(received) and shows_page(
        mode=received.value("sec-fetch-mode"),
        requested_with=received.value("x-requested-with"),
        accept=", ".join(received.values("accept")),
    )


def marks(ruling: Ruling) -> Headers:
    """The reference and the reason of a refusal, for proxies that hand on no body."""
    return ("x-zt-decision", ruling.reference), ("x-zt-reason", ruling.decision.reason.value)


def sign_in(family: Family, question: Question, marked: Headers) -> Answer:
    """The way to prove more, and back to the very page."""
    location = _start(question)
    if family in {Family.NGINX, Family.HAPROXY}:
        return Answer(HTTPStatus.UNAUTHORIZED, (*ALWAYS, SESSION, *marked, ("location", location)))
    status = HTTPStatus.FOUND if question.target.method in READING else HTTPStatus.SEE_OTHER
    return redirect(status, location, marked)


def _start(question: Question) -> str:
    """Where the way to the sign-in begins. Too long a page is left out: proxies take the headers of an answer whole."""
    start = f"{question.origin}/.zt/start"
    location = f"{start}?rd={quote(question.url, safe='')}"
    return location if len(location) <= LONGEST_LOCATION else start


def cookie(name: str, value: str, *, secure: bool, max_age: int | None = None) -> tuple[str, str]:
    """A cookie of one host: no domain, not for scripts, sent along when a person follows a link."""
    parts: Iterable[str] = (
        f"{name}={value}",
        "Path=/",
        "HttpOnly",
        "SameSite=Lax",
        *(["Secure"] if secure else []),
        *([] if max_age is None else [f"Max-Age={max_age}"]),
    )
    return "set-cookie", "; ".join(parts)
