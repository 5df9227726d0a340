"""The views that the URL configuration has, by the names that policies use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver

Views = Mapping[str, tuple[Callable[..., Any], ...]]


def views() -> Views:
    """Every view by its name as Django writes it, `payroll:run`; those without a name by the path of their function."""
    found: dict[str, tuple[Callable[..., Any], ...]] = {}
    for name, view in _walk(get_resolver().url_patterns, ()):
        found[name] = (*found.get(name, ()), view)
    return found


def has(view: str, known: Views) -> bool:
    """Whether there is a view of that name, or of that namespace for `payroll:*`."""
    if view.endswith(":*"):
        return any(name.startswith(view[:-1]) for name in known)
    return view.partition("[")[0] in known


def protected(known: Views) -> tuple[str, ...]:
    """The names of the views that somebody must be let into: all but those marked `login_not_required`."""
    return tuple(
        name for name, found in sorted(known.items()) if any(getattr(view, "login_required", True) for view in found)
    )


def _walk(
    patterns: Iterable[URLPattern | URLResolver], namespaces: tuple[str, ...]
) -> Iterator[tuple[str, Callable[..., Any]]]:
    for pattern in patterns:
        if isinstance(pattern, URLResolver):
            inner = (*namespaces, pattern.namespace) if pattern.namespace else namespaces
            yield from _walk(pattern.url_patterns, inner)
        else:
            match = ResolverMatch(pattern.callback, (), {}, pattern.name, namespaces=list(namespaces))
            yield match.view_name, pattern.callback
