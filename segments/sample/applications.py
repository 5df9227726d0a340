"""The sample applications of the demo: `python -m segments.sample.applications`. Standard library and PyJWT alone.

Small ones in one process, told apart by their host. They know nothing of segments and roles: they believe the
signed assertion that comes with each request, and nothing else. docs/verify-assertion.md says how an application does.
"""

import html
import os
import signal
import sys
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, NoReturn

import jwt

PORTAL: Final = os.environ.get("ZT_PORTAL_URL", f"http://localhost:{os.environ.get('PORT', '8000')}")
PORT: Final = int(os.environ.get("SAMPLE_PORT", "9001"))
KEYS: Final = jwt.PyJWKClient(f"{PORTAL}/.well-known/jwks.json", lifespan=300, timeout=5)
APPLICATIONS: Final = {
    "handbook.localhost": ("Handbook", "Everybody who works here reads this: holidays, travel, who to ask."),
    "ledger.localhost": ("Ledger", "November: 1,204 entries, all of them balanced."),
    "people.localhost": ("Staff records", "Twelve people, two of them on leave."),
    "payments.localhost": ("Payments", "Three payments wait for a second signature."),
}
STYLE: Final = b"""
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 40rem; margin: 3rem auto; padding: 0 1.5rem; }
h1 { margin: 0 0 .5rem; } dt { opacity: .75; } dd { margin: 0 0 .5rem; overflow-wrap: anywhere; }
a, button { font: inherit; } button { min-height: 2.5rem; padding: 0 1rem; } footer { margin-top: 2rem; }
"""
PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title><link rel="stylesheet" href="/style.css"></head><body>
<h1>{title}</h1><p>{text}</p>
<h2>Who is asking</h2><dl>{facts}</dl>
<form method="post" action="/.zt/sign-out"><button>Sign out</button></form>
<footer><a href="{portal}/">My access</a></footer>
</body></html>
"""


class Application(BaseHTTPRequestHandler):
    """One request: whose host it is for, who the assertion says is asking, and a page that tells."""

    protocol_version = "HTTP/1.1"
    server_version = "sample"
    sys_version = ""

    def do_GET(self) -> None:
        host = self.headers.get("Host", "").partition(":")[0]
        if self.path == "/style.css":
            self.answer(HTTPStatus.OK, "text/css", STYLE)
        elif self.path == "/healthz":
            self.answer(HTTPStatus.OK, "text/plain", b"healthy\n")
        else:
            self.show(host)

    do_HEAD = do_GET  # noqa: N815

    def show(self, host: str) -> None:
        try:
            person = claims(self.headers.get_all("X-ZT-Assertion", []), host)
        except jwt.PyJWTError as error:
            self.answer(HTTPStatus.FORBIDDEN, "text/plain", f"nobody vouches for this request: {error}\n".encode())
            return
        title, text = APPLICATIONS.get(host, (host.partition(".")[0].capitalize(), "A sample application."))
        page = PAGE.format(title=title, text=text, facts=facts(person), portal=html.escape(PORTAL))
        self.answer(HTTPStatus.OK, "text/html; charset=utf-8", page.encode())

    def answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *_arguments: Any) -> None:
        """Say nothing: the ledger has every request."""


def claims(assertions: list[str], host: str) -> dict[str, Any]:
    """What the one assertion of a request says. Raises PyJWTError where it is not good for this host and moment."""
    if len(assertions) != 1:
        raise jwt.InvalidTokenError("there is not exactly one assertion")
    key = KEYS.get_signing_key_from_jwt(assertions[0])
    return jwt.decode(
        assertions[0],
        key,
        algorithms=["ES256"],
        audience=host,
        issuer=PORTAL,
        leeway=30,
        options={"require": ["exp", "iat", "sub", "jti"]},
    )


def facts(person: dict[str, Any]) -> str:
    rows = (
        ("Name", person.get("name") or person["sub"]),
        ("Roles", ", ".join(person.get("roles", []))),
        ("Segment", person.get("segment", "")),
        ("Decision", person["jti"]),
    )
    return "".join(f"<dt>{name}</dt><dd>{html.escape(str(value))}</dd>" for name, value in rows)


def stop(*_: object) -> NoReturn:
    sys.exit(0)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    ThreadingHTTPServer(("127.0.0.1", PORT), Application).serve_forever()
