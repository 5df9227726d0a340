"""Where a person wants to go on an application's host: one URL that is sent back as it was checked.

Only its form is judged here. Whether the host is registered and the person may go there is the engine's to say, and the
host is asked again when the browser gets there.
"""

import re
from dataclasses import dataclass
from typing import Final

from segments.policy.target import MalformedTargetError, canonical_host

LONGEST: Final = 4096
# Printable ASCII without what an attribute could end at or browsers never send: " # < >. In the path also without what
# they read in their own ways: \ ^ ` { }. In the query these are data, and some browsers send them as they are.
URL: Final = re.compile(
    r"(?P<scheme>(?i:https?))://(?P<host>[A-Za-z0-9.:\[\]-]{1,270})"
    r"(?P<path>(?:/[!$-;=@-\[\]_a-z|~]*(?:\?[!$-;=?-~]*)?)?)"
)


@dataclass(frozen=True, slots=True)
class Destination:
    """`origin` is what the browser knows the host by, port included; `host` is the name as it is compared."""

    origin: str
    host: str
    path: str  # with the query

    @property
    def url(self) -> str:
        return f"{self.origin}{self.path}"


def destination(url: str, *, scheme: str) -> Destination | None:
    """The destination that `url` is, if it is one: absolute, with the scheme that clients have to use."""
    found = URL.fullmatch(url) if len(url) <= LONGEST else None
    if found is None or found["scheme"].lower() != scheme:
        return None
    try:
        host = canonical_host(found["host"])
    except MalformedTargetError:
        return None
    return Destination(f"{scheme}://{found['host'].lower()}", host, found["path"] or "/")
