"""The indexes of a policy: from a target to its resources, from a segment to the grants that open it.

Hosts, then prefixes, in plain dictionaries: what a decision costs does not depend on how large the policy is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import TYPE_CHECKING, Final, NamedTuple

from .target import canonical_host

if TYPE_CHECKING:
    from .model import Grant, Segment, ViewResource, WebResource


class Room:
    """A segment with the grants that open it, by role and by subject id (which a `:` tells apart from a role)."""

    __slots__ = ("grants", "segment")

    def __init__(self, segment: Segment) -> None:
        self.segment: Final = segment
        self.grants: Final[dict[str, tuple[Grant, ...]]] = {}

    def grants_of(self, subject: str, roles: frozenset[str]) -> tuple[Grant, ...]:
        """Return the grants to a subject, then those to its roles, role by role."""
        found = self.grants.get(subject, ())
        held = self.grants.keys() & roles
        for role in sorted(held) if len(held) > 1 else held:
            found += self.grants[role]
        return found


class Entry(NamedTuple):
    """What a decision needs of a resource. `methods` None covers every method."""

    resource: str
    room: Room
    anonymous: bool
    methods: frozenset[str] | None = None
    case_insensitive: bool = False


Entries = tuple[Entry, ...]


class Site:
    """The resources of one host, or of one wildcard, by path prefix."""

    __slots__ = ("_folded", "_insensitive", "_longest", "_prefixes")

    def __init__(self, prefixes: Mapping[str, Entries]) -> None:
        self._prefixes: Final = prefixes
        self._longest: Final = max(map(len, prefixes))
        self._insensitive: Final = _insensitive(prefixes)
        self._folded: Final = _folded(prefixes) if self._insensitive else {}

    def entries(self, path: str, method: str) -> tuple[Entry | None, ...]:
        """Return what one reading falls into: nothing if no prefix covers it, None where the prefix lacks the method.

        More than one only where a resource says that case does not matter to it.
        """
        if self._insensitive:
            return self._entries_in_any_case(path, method)
        prefix = _nearest(self._prefixes, path, self._longest)
        return (_of_method(self._prefixes[prefix], method),) if prefix else ()

    def _entries_in_any_case(self, path: str, method: str) -> tuple[Entry | None, ...]:
        folded = path.casefold()
        exact = _nearest(self._prefixes, path, self._longest)
        loose = _nearest(self._insensitive, folded, len(folded))
        groups: list[Entries] = []
        if exact and _depth(exact) >= _depth(loose):
            groups.append(self._prefixes[exact])
        if loose and _depth(loose) >= _depth(exact):
            # A back end that ignores case may serve any resource of this host that differs in case alone.
            groups.append(self._insensitive[loose])
            groups.extend(self._folded[_nearest(self._folded, folded, len(folded))])
        return tuple(dict.fromkeys(_of_method(group, method) for group in groups))


def _nearest(prefixes: Mapping[str, object], path: str, longest: int) -> str:
    """Return the longest prefix that covers the path and ends where a segment of it does; empty if there is none."""
    if len(path) > longest:
        path = path[: path.rfind("/", 0, longest + 1)]
    while path:
        if path in prefixes:
            return path
        path = path[: path.rfind("/")]
    return "/" if "/" in prefixes else ""


def _depth(prefix: str) -> int:
    """Count the segments of a prefix, case folding aside: -1 for none, 0 for the root."""
    return prefix.rstrip("/").count("/") if prefix else -1


def _of_method(entries: Entries, method: str) -> Entry | None:
    for entry in entries:
        if entry.methods is None or method in entry.methods:
            return entry
    return None


def _insensitive(prefixes: Mapping[str, Entries]) -> dict[str, Entries]:
    found: dict[str, Entries] = {}
    for prefix, entries in prefixes.items():
        loose = tuple(entry for entry in entries if entry.case_insensitive)
        if loose:
            found[prefix.casefold()] = found.get(prefix.casefold(), ()) + loose
    for prefix, entries in found.items():
        _require_one_per_method(prefix, entries)
    return found


def _folded(prefixes: Mapping[str, Entries]) -> dict[str, tuple[Entries, ...]]:
    found: dict[str, tuple[Entries, ...]] = {}
    for prefix, entries in prefixes.items():
        found[prefix.casefold()] = (*found.get(prefix.casefold(), ()), entries)
    return found


def _require_one_per_method(where: str, entries: Entries) -> None:
    for one, other in combinations(entries, 2):
        if one.methods is None or other.methods is None or one.methods & other.methods:
            raise ValueError(f"resources `{one.resource}` and `{other.resource}` overlap: both cover `{where}`")


class Index:
    """Every lookup a decision makes, built once per policy. Raises ValueError for overlaps and unknown segments."""

    __slots__ = ("_namespaces", "_sites", "_views", "_wildcards", "rooms")

    def __init__(
        self,
        segments: Iterable[Segment],
        views: Iterable[ViewResource],
        webs: Iterable[WebResource],
        grants: Iterable[Grant],
    ) -> None:
        self.rooms: Final = _rooms(segments, grants)
        self._views: Final[dict[str, Entry]] = {}
        self._namespaces: Final[dict[str, Entry]] = {}
        for view in views:
            self._add_view(view)
        sites = _sites(webs, self.rooms)
        self._wildcards: Final = {host[2:]: (site,) for host, site in sites.items() if host.startswith("*.")}
        self._sites: Final = {host: (site, *self._wildcard(host)) for host, site in sites.items() if host[0] != "*"}

    def _add_view(self, view: ViewResource) -> None:
        whole = view.view.endswith(":*")
        index, name = (self._namespaces, view.view[:-2]) if whole else (self._views, view.view)
        if name in index:
            raise ValueError(f"resources `{index[name].resource}` and `{view.id}` overlap: both cover `{view.view}`")
        index[name] = Entry(view.id, _room_of(view, self.rooms), view.anonymous)

    def _wildcard(self, host: str) -> tuple[Site, ...]:
        return self._wildcards.get(host.partition(".")[2], ())

    def sites(self, host: str) -> tuple[Site, ...]:
        """Return the sites a host as received is looked up in, the exact host's first. Raises MalformedTarget."""
        found = self._sites.get(host)
        if found is not None:
            return found
        host = canonical_host(host)
        return self._sites.get(host) or self._wildcard(host)

    def view(self, name: str) -> Entry | None:
        """Return the resource of a view: its own, else that of the innermost namespace that is one."""
        found = self._views.get(name)
        while found is None and name:
            name = name.rpartition(":")[0]
            found = self._namespaces.get(name)
        return found


def entries_of(sites: tuple[Site, ...], path: str, method: str) -> tuple[Entry | None, ...]:
    """Return what one reading of a path falls into on the first site that covers it; None stands for nothing."""
    for site in sites:
        found = site.entries(path, method)
        if found:
            return found
    return (None,)


def _rooms(segments: Iterable[Segment], grants: Iterable[Grant]) -> dict[str, Room]:
    rooms = {segment.slug: Room(segment) for segment in segments}
    for grant in grants:
        holder = grant.holder
        room = rooms.get(grant.segment)
        if room is None:
            raise ValueError(f"unknown segment `{grant.segment}` in grant to `{holder}`")
        room.grants[holder] = (*room.grants.get(holder, ()), grant)
    return rooms


def _sites(webs: Iterable[WebResource], rooms: Mapping[str, Room]) -> dict[str, Site]:
    hosts: dict[str, dict[str, Entries]] = {}
    for web in webs:
        prefixes = hosts.setdefault(web.host, {})
        entry = Entry(web.id, _room_of(web, rooms), web.anonymous, web.answered_methods, web.case_insensitive)
        entries = (*prefixes.get(web.path, ()), entry)
        if len(entries) > 1:
            _require_one_per_method(web.host + web.path, entries)
        prefixes[web.path] = entries
    return {host: Site(prefixes) for host, prefixes in hosts.items()}


def _room_of(resource: ViewResource | WebResource, rooms: Mapping[str, Room]) -> Room:
    room = rooms.get(resource.segment)
    if room is None:
        raise ValueError(f"unknown segment `{resource.segment}` of resource `{resource.id}`")
    return room
