"""The indexes of a policy: from a target to its resources, from a segment to the grants that open it.

Hosts, then prefixes, in plain dictionaries: what a decision costs hardly depends on how large the policy is. What many
segments share (prefixes, roles, ways to narrow a grant) is there once, so that the processor keeps it at hand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from operator import attrgetter
from sys import intern
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from .canonical import LONGEST_PATH
from .target import canonical_host
from .vocabulary import Assurance

if TYPE_CHECKING:
    from .model import Grant, Narrowing, Segment, ViewResource, WebResource

T = TypeVar("T")

_holder_of: Final = attrgetter("holder")


class Opening(NamedTuple):
    """The grants of a segment to one role or subject that are narrowed alike; `others` to the same are not."""

    holder: str
    narrowing: Narrowing
    grants: tuple[str, ...]
    others: tuple[Opening, ...] = ()


class Room(dict[str, Opening]):
    """A segment, and what opens it, by role and by subject id (which a `:` tells apart from a role).

    It is the dictionary rather than having one: on a large policy each object more costs a wait for the memory.
    """

    __slots__ = ("demanding", "quarantined", "segment", "slug")

    def __init__(self, segment: Segment) -> None:
        super().__init__()
        self.segment: Final = segment
        self.slug: Final = segment.slug
        self.quarantined: Final = segment.quarantined
        self.demanding: Final = _is_demanding(segment)

    def add(self, grant: Grant, narrowing: Narrowing) -> None:
        """Index one more grant of this segment."""
        holder = intern(grant.holder)
        known = self.get(holder)
        alike = {} if known is None else {opening.narrowing: opening.grants for opening in (known, *known.others)}
        alike[narrowing] = (*alike.get(narrowing, ()), grant.id)
        first, *others = (Opening(holder, *pair) for pair in alike.items())
        self[holder] = Opening(*first[:3], tuple(others))

    def held_by(self, subject: str, roles: frozenset[str]) -> list[Opening]:
        """Return what opens the segment to a subject or any of its roles, in the order of their names."""
        held = []
        for holder in roles:
            if holder in self:
                opening = self[holder]
                held.append(opening)
                held += opening.others
        if subject in self:
            opening = self[subject]
            held.append(opening)
            held += opening.others
        if len(held) > 1:
            held.sort(key=_holder_of)
        return held


def _is_demanding(segment: Segment) -> bool:
    """Tell whether a segment asks for more than a second factor and a grant; most do not."""
    asks_for_factor = segment.assurance is not Assurance.MFA or segment.reauth_after is not None
    return asks_for_factor or bool(segment.networks) or segment.hours is not None


class Entry:
    """What a decision needs of a resource. `special` is what sets a few of them apart from most."""

    __slots__ = ("resource", "room", "special")

    def __init__(self, resource: str, room: Room, special: Special | None = None) -> None:
        self.resource: Final = resource
        self.room: Final = room
        self.special: Final = special

    @property
    def all(self) -> tuple[Entry, ...]:
        """The entries of this prefix or view, in the order of the policy."""
        return (self,) if self.special is None else (*self.special.others, self)

    @property
    def ignores_case(self) -> bool:
        """Whether case does not matter to any of them."""
        return any(entry.special is not None and entry.special.case_insensitive for entry in self.all)

    def covering(self, method: str) -> Found:
        """Return those of the prefix that cover a method; None if there are none."""
        return tuple(entry for entry in self.all if entry.special is None or entry.special.covers(method)) or (None,)


class Special(NamedTuple):
    """Open to anonymous callers, limited to methods (None: not), blind to case, one of `others` on the same prefix."""

    anonymous: bool
    methods: frozenset[str] | None
    case_insensitive: bool
    others: tuple[Entry, ...]

    def covers(self, method: str) -> bool:
        """Tell whether the resource answers to a method."""
        return self.methods is None or method in self.methods


# What a reading falls into; None stands for no resource. Several where resources overlap or where one says that case
# does not matter to it: then all of them must allow.
Found = tuple[Entry | None, ...]


class Site:
    """The resources of a host by path prefix, for requests that a look at one dictionary does not settle."""

    __slots__ = ("_exact", "_folded", "_insensitive")

    def __init__(self, prefixes: Mapping[str, Entry]) -> None:
        self._exact: Final = {prefix: _Layer(_depth(prefix), (entry,)) for prefix, entry in prefixes.items()}
        self._folded: Final[dict[str, _Layer]] = {}
        for prefix, entry in prefixes.items():
            known = self._folded.get(prefix.casefold(), _NOWHERE)
            self._folded[prefix.casefold()] = _Layer(_depth(prefix), (*known.entries, entry))
        self._insensitive: Final = {prefix: layer for prefix, layer in self._folded.items() if layer.ignores_case}

    def find(self, path: str, method: str) -> Found:
        """Return what one reading falls into, as it is and with its case folded; nothing if no prefix covers it."""
        folded = path.casefold()
        exact = _nearest(self._exact, path) or _NOWHERE
        loose = _nearest(self._insensitive, folded) or _NOWHERE
        if loose is _NOWHERE or exact.depth > loose.depth:
            return exact.covering(method)
        # A back end that ignores case may serve any resource of this host that differs in case alone.
        found = loose.covering(method) + (_nearest(self._folded, folded) or _NOWHERE).covering(method)
        return exact.covering(method) + found if exact.depth == loose.depth else found


class _Layer(NamedTuple):
    """The entries of prefixes that differ in case alone, and the number of segments of these: 0 for the root."""

    depth: int
    entries: tuple[Entry, ...]

    @property
    def ignores_case(self) -> bool:
        return any(entry.ignores_case for entry in self.entries)

    def covering(self, method: str) -> Found:
        return tuple(found for entry in self.entries for found in entry.covering(method))


_NO_PREFIXES: Final[Mapping[str, Entry]] = {}
_NOWHERE: Final = _Layer(-1, ())


def _depth(prefix: str) -> int:
    return prefix.rstrip("/").count("/")


def _cut(path: str) -> str:
    """Return the part of a long path that a prefix may cover: thousands of segments are not walked."""
    return path[: path.rfind("/", 0, LONGEST_PATH + 1)]


def _nearest(prefixes: Mapping[str, T], path: str) -> T | None:
    """Return what the longest prefix holds that covers the path and ends where a segment of it does."""
    if len(path) > LONGEST_PATH:
        path = _cut(path)
    while path:
        found = prefixes.get(path)
        if found is not None:
            return found
        path = path[: path.rfind("/")]
    return prefixes.get("/")


_NO_SITE: Final = Site({})


class Index:
    """Every lookup a decision makes, built once per policy. Raises ValueError for unknown segments."""

    __slots__ = ("_hosts", "_namespaces", "_rooms", "_sites", "_views", "_wildcards")

    def __init__(
        self,
        segments: Iterable[Segment],
        views: Iterable[ViewResource],
        webs: Iterable[WebResource],
        grants: Iterable[Grant],
    ) -> None:
        self._rooms: Final = {segment.slug: Room(segment) for segment in segments}
        self._add_grants(grants)
        self._views: Final[dict[str, Entry]] = {}
        self._namespaces: Final[dict[str, Entry]] = {}
        for view in views:
            self._add_view(view)
        hosts = self._prefixes_by_host(webs)
        self._wildcards: Final = {host[2:]: Site(found) for host, found in hosts.items() if host.startswith("*.")}
        self._sites: Final = {host: Site(found) for host, found in hosts.items() if _ignores_case(found)}
        self._hosts: Final = {
            host: found for host, found in hosts.items() if host not in self._sites and not host.startswith("*.")
        }

    def has_host(self, host: str) -> bool:
        """Tell whether a canonical host, or the wildcard over it, has any resource."""
        wildcard = host.partition(".")[2]
        return host in self._hosts or host in self._sites or wildcard in self._wildcards

    def room(self, segment: str) -> Room:
        """Return a segment as it is indexed. Raises KeyError for one that is not there."""
        return self._rooms[segment]

    def _known_room(self, segment: str, where: str) -> Room:
        room = self._rooms.get(segment)
        if room is None:
            raise ValueError(f"unknown segment `{segment}` in {where}")
        return room

    def _add_grants(self, grants: Iterable[Grant]) -> None:
        alike: dict[Narrowing, Narrowing] = {}
        for grant in grants:
            narrowing = alike.setdefault(grant.narrowing, grant.narrowing)
            self._known_room(grant.segment, f"grant to `{grant.holder}`").add(grant, narrowing)

    def _add_view(self, view: ViewResource) -> None:
        whole = view.view.endswith(":*")
        entries, name = (self._namespaces, view.view[:-2]) if whole else (self._views, view.view)
        room = self._known_room(view.segment, f"resource `{view.id}`")
        entries[name] = _entry(view.id, room, entries.get(name), anonymous=view.anonymous)

    def _prefixes_by_host(self, webs: Iterable[WebResource]) -> dict[str, dict[str, Entry]]:
        hosts: dict[str, dict[str, Entry]] = {}
        for web in webs:
            prefixes = hosts.setdefault(web.host, {})
            prefixes[intern(web.path)] = _entry(
                web.id,
                self._known_room(web.segment, f"resource `{web.id}`"),
                prefixes.get(web.path),
                anonymous=web.anonymous,
                methods=web.answered_methods,
                case_insensitive=web.case_insensitive,
            )
        return hosts

    def view(self, name: str) -> Found:
        """Return the resource of a view: its own, else that of the innermost namespace that is one."""
        found = self._views.get(name)
        while found is None and name:
            name = name.rpartition(":")[0]
            found = self._namespaces.get(name)
        return (None,) if found is None else found.all

    def web(self, host: str, paths: tuple[str, ...], method: str) -> Found:
        """Return what the readings of a path on a host as received fall into, in order. Raises MalformedTargetError."""
        prefixes = self._hosts.get(host)
        if prefixes is not None and len(paths) == 1:
            path = paths[0]
            if len(path) > LONGEST_PATH:
                path = _cut(path)
            while path and path not in prefixes:
                path = path[: path.rfind("/")]
            entry = prefixes.get(path or "/")
            if entry is not None:
                return (entry,) if entry.special is None else entry.covering(method)
        return self._each_once(canonical_host(host), paths, method)

    def _each_once(self, host: str, paths: tuple[str, ...], method: str) -> Found:
        found = (self._reading(host, path, method) for path in paths)
        return tuple(dict.fromkeys(chain.from_iterable(found)))

    def _reading(self, host: str, path: str, method: str) -> Found:
        """Return what one reading falls into: on the host itself, else on the wildcard over it."""
        wildcard = self._wildcards.get(host.partition(".")[2], _NO_SITE)
        return self._on_host(host, path, method) or wildcard.find(path, method) or (None,)

    def _on_host(self, host: str, path: str, method: str) -> Found:
        site = self._sites.get(host)
        if site is not None:
            return site.find(path, method)
        entry = _nearest(self._hosts.get(host, _NO_PREFIXES), path)
        return () if entry is None else entry.covering(method)


def _entry(
    resource: str,
    room: Room,
    known: Entry | None,
    *,
    anonymous: bool,
    methods: frozenset[str] | None = None,
    case_insensitive: bool = False,
) -> Entry:
    if known is None and not anonymous and methods is None and not case_insensitive:
        return Entry(resource, room)
    return Entry(resource, room, Special(anonymous, methods, case_insensitive, () if known is None else known.all))


def _ignores_case(prefixes: Mapping[str, Entry]) -> bool:
    return any(entry.ignores_case for entry in prefixes.values())
