"""The headers that no client may send, those that the decision point is shown, and those that it answers."""

from collections.abc import Iterator
from itertools import product
from typing import Final

# Who is asking: set from the answer alone.
IDENTITY: Final = (
    "Remote-User", "Remote-Name", "Remote-Email", "Remote-Groups", "X-ZT-Segment", "X-ZT-Decision", "X-ZT-Assertion",
)  # fmt: skip

# What applications take for the request that the client made.
FORWARDED: Final = tuple(
    f"X-Forwarded-{name}"
    for name in (
        "For",
        "Proto",
        "Host",
        "Port",
        "Server",
        "Prefix",
        "Path",
        "Uri",
        "Url",
        "Method",
        "Scheme",
        "Protocol",
        "Ssl",
        "Proto-Version",
        "By",
        "Client-Cert",
        "Tls-Client-Cert",
        "Tls-Client-Cert-Info",
    )
)
TARGETS: Final = (
    "X-Original-URL", "X-Original-URI", "X-Original-Method", "X-Original-Host", "X-Rewrite-URL", "X-Real-IP",
    "X-Envoy-Original-Path", "X-Scheme", "X-Host", "Forwarded", "X-Original-Path",
    "X-Original-Remote-Addr", "X-Original-Forwarded-For", "X-Original-Proto", "X-Rewrite-URI",
    "X-Envoy-External-Address", "X-Envoy-Internal", "X-Envoy-Peer-Metadata", "X-Forward-For",
    "X-Client-IP", "X-Cluster-Client-IP", "True-Client-IP",
)  # fmt: skip

# For proxies that cannot remove by pattern: what applications are known to call these things, and what they might.
CLAIMS: Final = (
    "User", "Users", "Username", "User-Name", "User-Id", "User-Email", "User-Groups", "User-Roles", "Name",
    "Full-Name", "Fullname", "First-Name", "Given-Name", "Last-Name", "Family-Name", "Surname", "Display-Name",
    "Nickname", "Preferred-Username", "Email", "Email-Verified", "Mail", "Phone", "Group", "Groups", "Role", "Roles",
    "Team", "Teams", "Permission", "Permissions", "Scope", "Scopes", "Entitlements", "Rights", "Access", "Level",
    "Admin", "Is-Admin", "Id", "Uid", "Gid", "Sub", "Subject", "Login", "Logname", "Ident", "Account", "Principal",
    "Client", "Client-Id", "Tenant", "Org", "Organization", "Department", "Domain", "Realm", "Claims", "Attributes",
    "Token", "Id-Token", "Access-Token", "Jwt", "Session", "Auth", "Method", "Addr", "Address", "Host", "Ip", "Port",
)  # fmt: skip
FAMILIES: Final = ("Remote", "X-Remote", "X-ZT", "X-Auth-Request", "X-WebAuth")
KNOWN: Final = tuple(
    dict.fromkeys(
        (
            *IDENTITY,
            *("X-ZT-Relay", "X-ZT-Reason"),
            *(f"{family}-{claim}" for family in FAMILIES for claim in CLAIMS),
            *(f"X-Forwarded-{claim}" for claim in CLAIMS),
        )
    )
)

# The same as one expression, on lower-case names: between the words stands anything that some server makes a `-` of.
SEPARATOR: Final = "[^a-z0-9]"
IDENTITY_PATTERNS: Final = (
    f"(x{SEPARATOR})?remote{SEPARATOR}.*",
    f"x{SEPARATOR}(zt|webauth){SEPARATOR}.*",
    f"x{SEPARATOR}auth{SEPARATOR}request{SEPARATOR}.*",
    f"x{SEPARATOR}forwarded{SEPARATOR}(user|email|group|role|team|name|preferred|access|token|id).*",
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
    "X-ZT-Reason",
)  # fmt: skip

QUESTION_PREFIX: Final = "/forward-auth/envoy"  # to Envoy's questions; the path that is asked about stands behind it
RELAY_HEADER: Final = "x-zt-relay"  # between Envoy and the relay beside it
AGAIN_HEADER: Final = "x-zt-again"  # of the second question and those after it; segments.enforcement.visits reads it

# Our own pages on each host. Held against the path as it was received: a proxy that cleans a path before it compares,
# and sends it on as it came, would else lead `/forward-auth/envoy/../../.zt/x` to where identities are told.
OWN_PATHS: Final = "/[.]zt/[A-Za-z0-9_/-]*([.][A-Za-z0-9_-][A-Za-z0-9_/-]*)*"  # `styles.css`, never `..`

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
