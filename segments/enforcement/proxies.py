"""What a proxy asks about: one adapter for each family, which reads exactly its own headers.

A family's headers are authoritative: each must be there once, and under no other spelling that some server takes for
the same (`X_Forwarded_Uri`). Whatever else a client sends is not looked at. Nothing is decoded here: the path goes to
the engine as it was received. Sources: nginx ngx_http_auth_request_module, Traefik ForwardAuth, Caddy forward_auth,
Envoy ext_authz (HTTP service), HAProxy auth-request.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from segments.policy.model import WebTarget

MOST_HEADER_BYTES: Final = 64 * 1024
METHOD: Final = re.compile(r"[A-Z][A-Z-]{0,31}")
HOST: Final = re.compile(r"(?:[A-Za-z0-9.-]{1,254}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
PATH: Final = re.compile(r"/[!-~]*")
URL: Final = re.compile(r"(?P<scheme>[a-z]+)://(?P<host>[^/?#\\@]+)(?P<path>/.*)")
# Headers by which some applications let a client change the method: the request has to be allowed under each.
METHOD_OVERRIDES: Final = ("x-http-method-override", "x-method-override", "x-http-method")
SCHEMES: Final = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
OTHER_SPELLINGS: Final = str.maketrans("_.", "--")


class Family(StrEnum):
    """The proxies that ask, by what their endpoint is called."""

    NGINX = "nginx"
    TRAEFIK = "traefik"
    ENVOY = "envoy"
    HAPROXY = "haproxy"


class UnreadableError(ValueError):
    """The question cannot be read in one way: a header is missing, doubled, spelt otherwise or malformed."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request as the server got it. Header names are lower-case, values as sent, in the order in which they came."""

    method: str
    path: str  # with the query, undecoded
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> tuple[str, ...]:
        return tuple(value for found, value in self.headers if found == name)

    def value(self, name: str) -> str:
        """The header of this name; empty where there is none, or more than one."""
        found = self.values(name)
        return found[0] if len(found) == 1 else ""


@dataclass(frozen=True, slots=True)
class Question:
    """What a proxy asks about, and the address under which the client knows it."""

    target: WebTarget
    scheme: str
    other_methods: tuple[str, ...] = ()  # that an application may take the request for

    @property
    def origin(self) -> str:
        """Scheme, host and port as the client wrote them."""
        return f"{self.scheme}://{self.target.host}"

    @property
    def url(self) -> str:
        return f"{self.origin}{self.target.path}"


def question(family: Family, received: Received, *, scheme: str) -> Question:
    """What `family` asks about. `scheme` is the one that clients have to use. Raises UnreadableError."""
    if sum(len(name) + len(value) for name, value in received.headers) > MOST_HEADER_BYTES:
        raise UnreadableError("the headers are too long")
    if _is_tunnel(received):
        raise UnreadableError("an upgrade to something else than a websocket: nobody would be asked again")
    found = _authoritative(received, AUTHORITATIVE[family])
    asked = READERS[family](received, found)
    if asked.scheme and SCHEMES.get(asked.scheme) != scheme:
        raise UnreadableError(f"the scheme is not {scheme}")
    return Question(asked.target, scheme, _other_methods(received, asked.target.method))


def is_websocket(received: Received) -> bool:
    """Whether the client asks to change to a websocket. Proxies drop some of what says so on the way here.

    Most drop `Upgrade`; over HTTP/2 there is no key (RFC 8441, 5); one sign that is left is enough.
    """
    return (
        any("websocket" in value.lower() for value in received.values("upgrade"))
        or any(name.startswith("sec-websocket-") for name, _ in received.headers)
        or "websocket" in received.values("sec-fetch-mode")
    )


def _is_tunnel(received: Received) -> bool:
    """Whether the connection is to become HTTP/2 (RFC 7540, 3.2): many requests for the price of one decision."""
    upgrades = [part.strip().lower() for value in received.values("upgrade") for part in value.split(",")]
    return bool(received.values("http2-settings")) or any(part != "websocket" for part in upgrades)


def _other_methods(received: Received, method: str) -> tuple[str, ...]:
    """The method that an application may take instead, in whatever spelling it folds. Several are nobody's need."""
    named = {
        value.strip().upper() for name, value in received.headers if name.translate(OTHER_SPELLINGS) in METHOD_OVERRIDES
    }
    if len(named) > 1 or any(METHOD.fullmatch(other) is None for other in named):
        raise UnreadableError("the method that replaces the request's cannot be read")
    return tuple(named - {method})


def _authoritative(received: Received, names: Iterable[str]) -> Mapping[str, str]:
    """The authoritative headers, each of which is there once and under its own name."""
    wanted = frozenset(names)
    found: dict[str, str] = {}
    for name, value in received.headers:
        if name not in wanted:
            if name.translate(OTHER_SPELLINGS) in wanted:
                raise UnreadableError(f"`{name[:40]}` is another spelling of a header that is believed")
            continue
        if name in found:
            raise UnreadableError(f"`{name}` is there twice")
        found[name] = value
    missing = [name for name in names if not found.get(name)]
    if missing:
        raise UnreadableError(f"`{missing[0]}` is missing")
    return found


def _read_nginx(_received: Received, found: Mapping[str, str]) -> Question:
    parts = URL.fullmatch(found["x-original-url"])
    if parts is None:
        raise UnreadableError("`x-original-url` is not a URL")
    return _asked(found["x-original-method"], parts["scheme"], parts["host"], parts["path"])


def _read_forwarded(_received: Received, found: Mapping[str, str]) -> Question:
    return _asked(
        found["x-forwarded-method"], found["x-forwarded-proto"], found["x-forwarded-host"], found["x-forwarded-uri"]
    )


def _read_envoy(received: Received, found: Mapping[str, str]) -> Question:
    """The request line itself. The scheme is told only where the configuration passes it on."""
    if any(name.translate(OTHER_SPELLINGS) == "x-forwarded-proto" != name for name, _ in received.headers):
        raise UnreadableError("another spelling of a header that is believed")
    schemes = received.values("x-forwarded-proto")
    if len(schemes) > 1 or "" in schemes:
        raise UnreadableError("`x-forwarded-proto` is there twice, or empty")
    return _asked(received.method, "".join(schemes), found["host"], received.path)


def _asked(method: str, scheme: str, host: str, path: str) -> Question:
    for name, pattern, text in (("method", METHOD, method), ("host", HOST, host), ("path", PATH, path)):
        if pattern.fullmatch(text) is None:
            raise UnreadableError(f"the {name} cannot be read")
    return Question(WebTarget(host=host, path=path, method=method), scheme)


_FORWARDED: Final = ("x-forwarded-method", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri")
AUTHORITATIVE: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.NGINX: ("x-original-url", "x-original-method"),
    Family.TRAEFIK: _FORWARDED,
    Family.ENVOY: ("host",),
    Family.HAPROXY: _FORWARDED,
}
READERS: Final[Mapping[Family, Callable[[Received, Mapping[str, str]], Question]]] = {
    Family.NGINX: _read_nginx,
    Family.TRAEFIK: _read_forwarded,
    Family.ENVOY: _read_envoy,
    Family.HAPROXY: _read_forwarded,
}
