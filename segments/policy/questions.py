"""Questions as people put them, turned into the targets that a request would have."""

import re
from collections.abc import Iterable
from typing import Final

from .engine import Target
from .model import Policy, ViewResource, ViewTarget, WebResource, WebTarget

READ: Final = "read"
WRITE: Final = "write"
# The usual methods of each action, the most telling first.
METHODS: Final = {READ: ("GET", "HEAD", "OPTIONS"), WRITE: ("POST", "PUT", "PATCH", "DELETE")}

_URL: Final = re.compile(r"https?://([^/?#\\]*)(.*)", re.DOTALL | re.IGNORECASE | re.ASCII)


def web_target(url: str, method: str) -> WebTarget:
    """What a request for `url` asks for. The path stays as it was received: reading it is the engine's part.

    Raises ValueError for what is no http or https URL with a host.
    """
    found = _URL.fullmatch(url)
    if found is None or not found[1]:
        raise ValueError(f"`{url[:200]}` is not a URL: write https://host/path")
    path = found[2] if found[2].startswith(("/", "\\")) else f"/{found[2]}"
    return WebTarget(host=found[1], path=path, method=method)


def targets_of(policy: Policy, resource: ViewResource | WebResource) -> dict[str, Target]:
    """A target inside a resource for each action that it covers."""
    methods = resource.answered_methods if isinstance(resource, WebResource) else None
    chosen = {action: _method(usual, methods) for action, usual in METHODS.items()}
    return {action: _target(policy, resource, method) for action, method in chosen.items() if method}


def _method(usual: tuple[str, ...], covered: frozenset[str] | None) -> str | None:
    if covered is None:
        return usual[0]
    known = next((method for method in usual if method in covered), None)
    if known is None and usual is METHODS[WRITE]:  # a method of its own, such as PROPFIND, is a write as well
        return min(covered - set(METHODS[READ]), default=None)
    return known


def _target(policy: Policy, resource: ViewResource | WebResource, method: str) -> Target:
    if isinstance(resource, ViewResource):
        return ViewTarget(resource.view, method)  # `payroll:*` is a name below `payroll` that no view has
    return WebTarget(_host(policy.resources, resource.host), resource.path, method)


def _host(resources: Iterable[object], host: str) -> str:
    """The host itself, or one below a wildcard that has no resource of its own."""
    if not host.startswith("*."):
        return host
    taken = {resource.host for resource in resources if isinstance(resource, WebResource)}
    label = "any"
    while f"{label}{host[1:]}" in taken:
        label += "-any"
    return f"{label}{host[1:]}"
