"""Web resources as a proxy needs them: hosts, prefixes in the order in which they are tried, where each leads.

Who may pass is decided elsewhere, about each request. This only says where an allowed request goes.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import AddressValueError, IPv4Address, IPv6Address
from typing import Final

from segments.policy.canonical import require_host, require_method, require_path
from segments.policy.model import WebResource
from segments.policy.target import shown

UPSTREAM: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
    r"(?::(?P<port>[0-9]{1,5}))?/?"
)
PORTS: Final = {"http": 80, "https": 443}
NOWHERE: Final = "http://127.0.0.1:1"  # nothing listens there: an allowed request gets a 502 or a 503


class UpstreamError(ValueError):
    """A resource names an upstream that no proxy can be told to use without changing what was asked about."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Where an application listens: scheme, host and port, and nothing that would change a path."""

    scheme: str
    host: str
    port: int

    def __post_init__(self) -> None:
        if UPSTREAM.fullmatch(self.url) is None or not 1 <= self.port <= 65535:
            raise ValueError(f"`{shown(self.url)}` is not scheme, host and port")
        if self.host.startswith("["):
            IPv6Address(self.host.strip("[]"))

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.address}"

    @property
    def address(self) -> str:
        """Host and port, an IPv6 address in brackets."""
        return f"{self.host}:{self.port}"

    @property
    def is_encrypted(self) -> bool:
        return self.scheme == "https"

    @property
    def is_address(self) -> bool:
        """Whether the host needs no name server."""
        if self.host.startswith("["):
            return True
        try:
            IPv4Address(self.host)
        except AddressValueError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Route:
    """A path prefix that ends where a segment does, and its upstream; for these methods alone, or (empty) for all."""

    path: str
    upstream: Upstream
    methods: tuple[str, ...] = ()
    ignores_case: bool = False

    def __post_init__(self) -> None:
        require_path(self.path)
        for method in self.methods:
            require_method(method)


@dataclass(frozen=True, slots=True)
class Site:
    """A host (`*.` in front stands for one label) and its routes: the first that fits a request is its own."""

    host: str
    routes: tuple[Route, ...]

    def __post_init__(self) -> None:
        require_host(self.host)

    @property
    def is_wildcard(self) -> bool:
        return self.host.startswith("*.")

    @property
    def places(self) -> tuple[tuple[Route, ...], ...]:
        """The routes by prefix, for proxies that look for the prefix first and for the method then.

        Each ends in one for every method where a shorter prefix has one: requests fall through by method alone.
        """
        paths = dict.fromkeys((route.path, route.ignores_case) for route in self.routes)
        return tuple(self._place(path, ignores_case=ignores_case) for path, ignores_case in paths)

    def _place(self, path: str, *, ignores_case: bool) -> tuple[Route, ...]:
        found: list[Route] = []
        own = [route for route in self.routes if (route.path, route.ignores_case) == (path, ignores_case)]
        wider = [route for route in self.routes if route not in own and _covers(route, path)]
        for route in [*own, *wider]:
            found.append(Route(path, route.upstream, route.methods, ignores_case))
            if not route.methods:
                break
        return tuple(found)


def sites(resources: Iterable[WebResource], complain: Callable[[str], None] | None = None) -> tuple[Site, ...]:
    """The hosts with an upstream, exact ones before wildcards, each in the order of names.

    An upstream that cannot be used is told to `complain`, and what is below it leads nowhere: never to the application
    of a shorter prefix. Without `complain`, raises UpstreamError.
    """
    hosts: dict[str, list[WebResource]] = {}
    for resource in resources:
        hosts.setdefault(resource.host, []).append(_usable(resource, complain))
    routes = {host: _routes(found) for host, found in hosts.items()}
    found = (Site(host, _with_wildcard(host, routes)) for host in sorted(hosts, key=_exact_first) if routes[host])
    return tuple(found)


def upstreams(found: Iterable[Site]) -> tuple[Upstream, ...]:
    """Every upstream of the sites once, in the order of their addresses."""
    every = {route.upstream for site in found for route in site.routes}
    return tuple(sorted(every, key=lambda upstream: (upstream.address, upstream.scheme)))


def parse_upstream(text: str, of: str = "") -> Upstream:
    """Read where allowed requests go. Raises UpstreamError with what is wrong and the way out."""
    found = UPSTREAM.fullmatch(text)
    if found is None:
        raise UpstreamError(f"upstream `{shown(text)}`{of} {_why_not(text)}")
    port = int(found["port"]) if found["port"] else PORTS[found["scheme"]]
    if not 1 <= port <= 65535:
        raise UpstreamError(f"upstream `{shown(text)}`{of} has a port that is not between 1 and 65535: name its own")
    try:
        return Upstream(found["scheme"], found["host"], port)
    except ValueError:
        raise UpstreamError(
            f"upstream `{shown(text)}`{of} has an address that is none: write it such as `http://[::1]:9001`"
        ) from None


def _usable(resource: WebResource, complain: Callable[[str], None] | None) -> WebResource:
    if not resource.upstream:
        return resource
    try:
        parse_upstream(resource.upstream, f" of resource `{shown(resource.id)}`")
    except UpstreamError as error:
        if complain is None:
            raise
        complain(f"{error}. Until then its requests lead nowhere.")
        return replace(resource, upstream=NOWHERE)
    return resource


def _why_not(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    authority, *path = re.split(r"[/?#]", rest, maxsplit=1)
    if not separator or scheme not in PORTS:
        return "does not start with `http://` or `https://`: these two are what a gateway speaks"
    if "@" in authority:
        return "has a user name or a password: leave it out, and let the application verify the signed identity"
    if path:
        return (
            "has a path or a query: an application gets each path exactly as it was decided about. "
            f"Write `{shown(f'{scheme}://{authority}')}`, and let the application serve from there"
        )
    return "is not scheme, host and port: write it such as `http://127.0.0.1:9001`"


def _exact_first(host: str) -> tuple[bool, str]:
    return host.startswith("*."), host


def _routes(resources: Sequence[WebResource]) -> tuple[Route, ...]:
    """The routes of one host, the longest prefix first."""
    paths: dict[str, list[WebResource]] = {}
    for resource in resources:
        paths.setdefault(resource.path, []).append(resource)
    ordered = sorted(paths, key=lambda path: (-_depth(path), path))
    return tuple(route for path in ordered for route in _routes_of_path(paths[path]))


def _depth(path: str) -> int:
    return path.rstrip("/").count("/")


def _routes_of_path(resources: Sequence[WebResource]) -> tuple[Route, ...]:
    """One route where the prefix has one upstream; by method where it has several, or where some of it has none."""
    path, ignores_case = resources[0].path, any(resource.case_insensitive for resource in resources)
    leading = [resource for resource in resources if resource.upstream]
    targets = {resource.id: parse_upstream(resource.upstream) for resource in leading}
    if len(leading) == len(resources) and len(set(targets.values())) == 1:
        return (Route(path, targets[leading[0].id], (), ignores_case),)
    leading.sort(key=lambda resource: (resource.methods is None, resource.id))
    named = {method for resource in resources for method in resource.methods or ()}
    return tuple(Route(path, targets[resource.id], _methods(resource, named), ignores_case) for resource in leading)


def _methods(resource: WebResource, named: set[str]) -> tuple[str, ...]:
    """The methods that go by a resource. Whoever may GET may HEAD, unless HEAD has a resource of its own."""
    methods = resource.answered_methods or frozenset()
    if "HEAD" in named and "HEAD" not in (resource.methods or ()):
        methods -= {"HEAD"}
    return tuple(sorted(methods))


def _with_wildcard(host: str, routes: dict[str, tuple[Route, ...]]) -> tuple[Route, ...]:
    """A host's own routes; then, where they do not cover everything, those of the wildcard over it."""
    own = routes[host]
    if host.startswith("*.") or any(route.path == "/" and not route.methods for route in own):
        return own
    wider = routes.get(f"*.{host.partition('.')[2]}", ())
    return own + tuple(route for route in wider if route not in own)


def _covers(route: Route, path: str) -> bool:
    prefix = route.path.rstrip("/") + "/"
    if route.ignores_case:
        prefix, path = prefix.casefold(), path.casefold()
    return f"{path.rstrip('/')}/".startswith(prefix)
