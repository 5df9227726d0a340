"""The headers that no client may send, those that the decision point is shown, and those that it answers."""

from collections.abc import Iterator
from itertools import product
from typing import Final

# Who is asking: set from the answer alone.
IDENTITY: Final = (
    "Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "X-ZT-Segment", "X-ZT-Decision", "X-ZT-Assertion",
)  # fmt: skip

# What applications take for an identity, or for the request that the client made: removed in every spelling.
FAMILIES: Final = ("Remote", "X-Remote", "X-ZT", "X-Auth-Request", "X-WebAuth")  # with anything behind
FORWARDED_IDENTITY: Final = tuple(
    f"X-Forwarded-{name}" for name in ("User", "Email", "Groups", "Preferred-Username", "Access-Token")
)
FORWARDED: Final = tuple(
    f"X-Forwarded-{name}" for name in ("For", "Proto", "Host", "Port", "Server", "Prefix", "Uri", "Method", "Ssl")
)
TARGETS: Final = (
    "X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Rewrite-URL", "X-Real-IP",
    "X-Envoy-Original-Path", "X-Scheme", "X-Host", "Forwarded",
)  # fmt: skip

# For proxies that cannot remove by pattern.
KNOWN: Final = (
    *IDENTITY,
    *(f"X-Remote-{name}" for name in ("User", "Name", "Email", "Groups")),
    *("X-ZT-User", "X-ZT-Name", "X-ZT-Email", "X-ZT-Groups", "X-ZT-Roles", "X-ZT-Relay"),
    *(f"X-Auth-Request-{name}" for name in ("User", "Email", "Groups", "Preferred-Username", "Access-Token")),
    *(f"X-WebAuth-{name}" for name in ("User", "Name", "Email", "Groups")),
    *FORWARDED_IDENTITY,
)

# The same as one expression, on lower-case names: between the words stands anything that some server makes a `-` of.
SEPARATOR: Final = "[^a-z0-9]"
IDENTITY_PATTERNS: Final = (
    f"(x{SEPARATOR})?remote{SEPARATOR}.*",
    f"x{SEPARATOR}(zt|webauth){SEPARATOR}.*",
    f"x{SEPARATOR}auth{SEPARATOR}request{SEPARATOR}.*",
    f"x{SEPARATOR}forwarded{SEPARATOR}(user|email|groups|preferred.*|access.*)",
)
TARGET_PATTERNS: Final = (
    f"x{SEPARATOR}(forwarded|original|rewrite|envoy){SEPARATOR}.*",
    f"x{SEPARATOR}(real{SEPARATOR}ip|scheme|host)",
    "forwarded",
)
ODD_PATTERN: Final = "[a-z0-9-]*[^a-z0-9:-].*"  # names that some server folds onto another; not `:path` and the like

# What the decision point reads of the request; proxies that pass all headers need no list.
SHOWN: Final = (
    "Cookie", "Authorization", "Accept", "Sec-Fetch-Mode", "Sec-Fetch-Site", "X-Requested-With", "Sec-WebSocket-Key",
    "Origin", "User-Agent", "X-Forwarded-For", "X-Forwarded-Proto",
    "X-HTTP-Method-Override", "X-Method-Override", "X-HTTP-Method",
)  # fmt: skip
ANSWERED: Final = (  # of a refusal
    "Location", "Set-Cookie", "WWW-Authenticate", "Content-Type", "Cache-Control", "Content-Security-Policy",
    "Referrer-Policy", "Vary", "X-Content-Type-Options", "X-Frame-Options", "X-ZT-Decision",
)  # fmt: skip

# Our own pages on each host. Held against the path as it was received: a proxy that cleans a path before it compares,
# and sends it on as it came, would else lead `/forward-auth/envoy/../../.zt/x` to where identities are told.
OWN_PATHS: Final = "/[.]zt/[A-Za-z0-9_/-]*"

# What the decision point knows a visitor by. An application that got hold of it could ask in the visitor's name.
COOKIE_NAMES: Final = ("__Host-zt-app", "__Host-zt-start", "zt-app", "zt-start")
COOKIE_PATTERN: Final = "(?:__Host-)?zt-(?:app|start)[ \t]*=[^;]*"

# A token of a service account. It speaks for its account everywhere: no application may get hold of it.
TOKEN_PATTERN: Final = "bearer[^a-z0-9]*zts_"  # noqa: S105 (recognises tokens, is none)


def spellings(name: str) -> Iterator[str]:
    """Each spelling of a header name that some server folds onto it: with `-`, `_` and `.` between its words."""
    words = name.split("-")
    for separators in product("-_.", repeat=len(words) - 1):
        yield "".join(word + separator for word, separator in zip(words, (*separators, ""), strict=True))
