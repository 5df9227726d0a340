"""The values of a policy, of a question put to it and of its answer.

All are frozen and cannot be built wrong: every `__post_init__` raises ValueError, so the engine may assume. An empty
criterion matches all; an empty policy denies all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from .canonical import (
    require_action,
    require_host,
    require_id,
    require_method,
    require_path,
    require_slug,
    require_subject,
    require_view,
)
from .conditions import Hours, IPAddress, IPNetwork, plain_address, plain_networks
from .lookup import Index
from .vocabulary import EVERYBODY, Assurance, Factor, Obligation, Reason, Sensitivity, SubjectKind

__all__ = [
    "EVERYBODY",
    "Assurance",
    "Context",
    "Decision",
    "Factor",
    "Grant",
    "Hours",
    "Narrowing",
    "Obligation",
    "Policy",
    "Reason",
    "Resource",
    "Segment",
    "Sensitivity",
    "Step",
    "Subject",
    "SubjectKind",
    "Verification",
    "ViewResource",
    "ViewTarget",
    "WebResource",
    "WebTarget",
    "WorkloadResource",
]

_READ: Final = frozenset({"read"})


class Narrowing(NamedTuple):
    """What a grant is narrowed to. Grants narrowed alike have equal ones."""

    actions: frozenset[str] = _READ
    networks: tuple[IPNetwork, ...] = ()
    hours: Hours | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Grant:
    """Opens one segment to exactly one role, or to one subject (`user:bob`), possibly narrowed.

    Valid from `not_before` (included) until `expires_at` (excluded), both aware.
    """

    id: str
    segment: str
    role: str | None = None
    subject: str | None = None
    actions: frozenset[str] = _READ
    networks: tuple[IPNetwork, ...] = ()
    hours: Hours | None = None
    not_before: datetime | None = None
    expires_at: datetime | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        require_id("grant", self.id)
        require_slug("segment", self.segment)
        self._require_one_holder()
        if not self.actions:
            raise ValueError(f"grant to `{self.holder}` names no action: use read, write or both")
        for action in self.actions:
            require_action(action)
        _require_window(self.not_before, self.expires_at)
        object.__setattr__(self, "networks", plain_networks(self.networks))

    def _require_one_holder(self) -> None:
        if (self.role is None) == (self.subject is None):
            raise ValueError(f"grant `{self.id}` needs either a role or a subject: give exactly one")
        if self.role is not None:
            require_slug("role", self.role)
        if self.subject is not None:
            require_subject(self.subject)

    @property
    def holder(self) -> str:
        """The role or the subject id, whichever the grant is to."""
        return self.role or self.subject or ""

    @property
    def narrowing(self) -> Narrowing:
        """What it is narrowed to."""
        return Narrowing(self.actions, self.networks, self.hours, self.not_before, self.expires_at)


@dataclass(frozen=True, slots=True)
class Segment:
    """The smallest unit of trust, with what it asks of whoever enters. Each requirement can only narrow."""

    slug: str
    name: str = ""
    assurance: Assurance = Assurance.MFA
    reauth_after: timedelta | None = None
    allow_service_accounts: bool = False
    networks: tuple[IPNetwork, ...] = ()
    hours: Hours | None = None
    quarantined: bool = False
    sensitivity: Sensitivity = Sensitivity.MODERATE
    owners: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_slug("segment", self.slug)
        if self.reauth_after is not None and self.reauth_after <= timedelta():
            raise ValueError(f"reauth_after `{self.reauth_after}` is no time at all: give a positive duration or none")
        object.__setattr__(self, "networks", plain_networks(self.networks))


@dataclass(frozen=True, slots=True)
class ViewResource:
    """A Django view by name (`payroll:run`), or every view of a namespace (`payroll:*`)."""

    id: str
    segment: str
    view: str
    anonymous: bool = False

    def __post_init__(self) -> None:
        require_id("resource", self.id)
        require_slug("segment", self.segment)
        require_view(self.view)


@dataclass(frozen=True, slots=True)
class WebResource:
    """An HTTP application: a host (`*.` in front stands for one label), a path prefix, its methods (None: all)."""

    id: str
    segment: str
    host: str
    path: str = "/"
    methods: frozenset[str] | None = None
    anonymous: bool = False
    case_insensitive: bool = False
    upstream: str = ""

    def __post_init__(self) -> None:
        require_id("resource", self.id)
        require_slug("segment", self.segment)
        require_host(self.host)
        require_path(self.path)
        if self.methods is not None and not self.methods:
            raise ValueError(f"resource `{self.id}` names no method: leave methods out to cover all")
        for method in self.methods or ():
            require_method(method)

    @property
    def answered_methods(self) -> frozenset[str] | None:
        """The methods it covers; whoever may GET may HEAD (RFC 9110, 9.3.2)."""
        if self.methods is None or "GET" not in self.methods:
            return self.methods
        return self.methods | {"HEAD"}


@dataclass(frozen=True, slots=True)
class WorkloadResource:
    """Machines or pods, by network or by labels in a namespace. For network rules; no request asks for one."""

    id: str
    segment: str
    cidrs: tuple[IPNetwork, ...] = ()
    namespace: str = ""
    labels: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        require_id("resource", self.id)
        require_slug("segment", self.segment)
        if not (self.cidrs or self.namespace or self.labels):
            raise ValueError(f"workload `{self.id}` selects nothing: give networks, or labels and a namespace")
        object.__setattr__(self, "cidrs", plain_networks(self.cidrs))


Resource = ViewResource | WebResource | WorkloadResource


@dataclass(frozen=True, slots=True)
class Policy:
    """Everything that may reach anything. Builds its indexes once.

    Raises ValueError for a name used twice and for a segment nobody declared.
    """

    version: int
    segments: tuple[Segment, ...] = ()
    resources: tuple[Resource, ...] = ()
    grants: tuple[Grant, ...] = ()
    index: Index = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        _require_unique("segment", (segment.slug for segment in self.segments))
        _require_unique("resource", (resource.id for resource in self.resources))
        _require_unique("grant", (grant.id for grant in self.grants))
        views = [resource for resource in self.resources if isinstance(resource, ViewResource)]
        webs = [resource for resource in self.resources if isinstance(resource, WebResource)]
        object.__setattr__(self, "index", Index(self.segments, views, webs, self.grants))

    def segment(self, slug: str) -> Segment:
        """The segment of that slug. Raises KeyError for one that is not there."""
        return self.index.room(slug).segment


@dataclass(frozen=True, slots=True)
class Verification:
    """A second factor verified in this session, and when (aware)."""

    factor: Factor
    at: datetime

    def __post_init__(self) -> None:
        _require_aware("verification", self.at)


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks, as of the moment asked about.

    `id` is `user:alice` or `service:billing-batch`; `roles` are those active then, `everybody` among them;
    `factors` are the kinds of second factor enrolled, where known: they choose the way out, never the decision.
    """

    id: str
    name: str
    kind: SubjectKind
    roles: frozenset[str]
    active: bool = True
    quarantined: bool = False
    session_active: bool = True
    enrolled: bool = True
    verifications: tuple[Verification, ...] = ()
    factors: frozenset[Factor] = frozenset()

    def __post_init__(self) -> None:
        if not self.id.startswith(f"{self.kind}:"):
            raise ValueError(f"subject `{self.id}` is not a {self.kind}: write `{self.kind}:NAME`")

    @property
    def known_as(self) -> str:
        """The name by which applications know it: a person's username; a system keeps the `service:` before its own.

        No username has a colon in it, so no system is ever taken for a person of the same name.
        """
        return self.id.removeprefix("user:")


@dataclass(frozen=True, slots=True)
class ViewTarget:
    """A view of this project, and the method it is asked with."""

    name: str
    method: str


@dataclass(frozen=True, slots=True)
class WebTarget:
    """A request as received: the raw host, the raw path with its query, the method."""

    host: str
    path: str
    method: str


@dataclass(frozen=True, slots=True)
class Context:
    """When (aware) and from which address. None is an address nobody vouches for: it lies in no network."""

    at: datetime
    address: IPAddress | None = None

    def __post_init__(self) -> None:
        _require_aware("context", self.at)
        if self.address is not None:
            object.__setattr__(self, "address", plain_address(self.address))


class Decision(NamedTuple):
    """The answer: one reason, the grants that mattered, what would help, and every way the path was read.

    A named tuple, because building a frozen dataclass would take a fifth of the time of a decision.
    """

    allowed: bool
    reason: Reason
    segment: str | None = None
    resource: str | None = None
    grants: tuple[str, ...] = ()
    obligations: tuple[Obligation, ...] = ()
    readings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """One criterion of a decision: met, missed, or (None) not applicable; and the facts it was judged on."""

    criterion: str
    passed: bool | None
    detail: Mapping[str, object] | str = ""


def _require_aware(what: str, at: datetime) -> None:
    if at.utcoffset() is None:
        raise ValueError(f"{what} time `{at}` has no time zone: give an aware time")


def _require_window(not_before: datetime | None, expires_at: datetime | None) -> None:
    for at in (not_before, expires_at):
        if at is not None:
            _require_aware("grant", at)
    if not_before is not None and expires_at is not None and expires_at <= not_before:
        raise ValueError(f"grant expires `{expires_at}` before it begins `{not_before}`: swap the two times")


def _require_unique(kind: str, names: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{kind} `{name}` is there twice: names are unique")
        seen.add(name)
