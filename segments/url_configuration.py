"""The views that the URL configuration has, by the names that policies use."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Final

from django.urls import ResolverMatch, URLPattern, URLResolver, get_resolver

from segments.models import Resource
from segments.policy.model import Policy, Segment

Views = Mapping[str, tuple[Callable[..., Any], ...]]
SEGMENT_KWARG: Final = "segment_kwarg"  # the mark of a view that lies in the segment which one of its arguments names


def name_of(match: ResolverMatch) -> str:
    """The name of a view as policies know it; a view in a segment of its own adds which."""
    kwarg = getattr(match.func, SEGMENT_KWARG, None)
    return f"{match.view_name}[{match.kwargs[kwarg]}]" if kwarg else match.view_name


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


def unmapped() -> tuple[str, ...]:
    """The names of the protected views that no stored resource covers, and that name no segment themselves."""
    rows = Resource.objects.filter(kind=Resource.Kind.VIEW).select_related("segment")
    resources = tuple(row.value() for row in rows)
    segments = tuple(Segment(slug) for slug in {resource.segment for resource in resources})
    index = Policy(version=0, segments=segments, resources=resources).index
    known = views()
    names = (name for name in protected(known) if not _names_its_segment(known[name]))
    return tuple(name for name in names if index.view(name) == (None,))


def _names_its_segment(found: tuple[Callable[..., Any], ...]) -> bool:
    return all(getattr(view, SEGMENT_KWARG, None) for view in found)
