"""One person's browser, script or program before one proxy, and what the application saw of it."""

import hashlib
import itertools
import re
import time
from dataclasses import dataclass, replace
from typing import Final
from urllib.parse import parse_qs, urlsplit

from tests.proxies.upstream import MARK, Seen, Upstream
from tests.proxies.wire import Answer, Headers, Request, send
from tests.segments.policy import backends

COOKIE: Final = "zt-app"
REFERENCE: Final = re.compile(r"D-[0-9A-HJKMNP-TV-Z]{4}(?:-[0-9A-HJKMNP-TV-Z]{4}){2}")
BROWSER: Final[Headers] = [
    ("Accept", "text/html,*/*;q=0.8"),
    ("Sec-Fetch-Mode", "navigate"),
    ("User-Agent", "Mozilla/5.0"),
]
SCRIPT: Final[Headers] = [("Accept", "application/json"), ("X-Requested-With", "XMLHttpRequest")]
NO: Final = frozenset({0, 400, 401, 403, 404, 405, 414, 417, 421, 426, 431, 501, 505})  # 0: hung up


@dataclass(frozen=True)
class Outcome:
    """An answer, and every request of the same mark that reached the application."""

    request: Request
    answer: Answer
    seen: tuple[Seen, ...]

    @property
    def status(self) -> int:
        return self.answer.status

    @property
    def sign_in(self) -> str:
        """The page that the answer leads to for a sign-in, as the address that it leads back to; or empty."""
        parts = urlsplit(self.answer.header("location"))
        back = parse_qs(parts.query).get("rd", [""])[0]
        return back if self.status in {302, 303} and parts.path == "/.zt/start" else ""

    def assert_served(self) -> Seen:
        """The application got the request whole, once, and its answer came back."""
        assert self.status == 200, (self.status, self.answer.body[:300])
        assert len(self.seen) == 1
        seen = self.seen[0]
        assert (seen.head.method, seen.head.target) == (self.request.method, self.request.target)
        assert hashlib.sha256(seen.body).digest() == hashlib.sha256(self.request.body).digest()
        return seen

    def assert_refused(self, *statuses: int) -> None:
        """Nothing reached the application, and the answer says no: with one of the statuses, where some are given."""
        assert self.seen == ()
        assert self.status in (statuses or NO) or (not statuses and self.sign_in), (self.status, self.answer.headers)


def is_granted(seen: Seen, places: tuple[str, ...] = ("/public", "/workshop")) -> bool:
    """Whether a path lies in one of the places, whoever reads it in whatever way."""
    read = [backend(seen.head.target.partition("?")[0]) for backend in backends.SENSITIVE]
    return all(any(path == place or path.startswith(f"{place}/") for place in places) for path in read)


class Asking:
    """`ask("alice", Request(...))`: who asks is a name of the cast, or nobody."""

    numbers = itertools.count(1)

    def __init__(self, family: str, port: int, keys: dict[str, str], upstream: Upstream) -> None:
        self.family, self.port, self.keys, self.upstream = family, port, keys, upstream

    def __call__(self, who: str, request: Request, *, timeout: float = 15) -> Outcome:
        mark = f"{self.family}-{next(self.numbers)}"
        cookie = [("Cookie", f"{COOKIE}={self.keys[who]}")] if who else []
        marked = replace(request, headers=[*cookie, *request.headers, (MARK, mark)])
        answer = send(self.port, marked, timeout=timeout)
        if answer.status == 0:
            time.sleep(0.05)  # hung up: what was sent on may still be on its way
        return Outcome(request, answer, tuple(self.upstream.seen_of(mark)))
