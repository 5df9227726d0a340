"""Guardrails: policy tests kept with the policy, judged by the one engine.

A guardrail asks about everybody it names and everything it names. What it leaves open is taken at its most favourable:
the strongest factor, just verified, from any address, now or at any later time. So `deny` means: not even then. Without
a method, `deny` is about reading and writing, `allow` about reading.

- `role` is everybody with that role, whoever else they are: those who hold it, and somebody who holds nothing else.
- `any_user` is everybody there could be: to be allowed, somebody without any role of their own has to be; to be
  denied, the holder of every role and every person with a grant of their own.
- Accounts count as active and segments as enforced: a guardrail judges the policy, and never stands in the way of a
  quarantine.
- A resource that is anonymous is opened by nobody's role: it breaks a `deny` about a segment for `any_user` only.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial

from .circumstances import Circumstances, contexts, most_favourable
from .conditions import IPAddress
from .engine import Target
from .model import (
    EVERYBODY,
    Context,
    Decision,
    Factor,
    Grant,
    Policy,
    Subject,
    SubjectKind,
    Verification,
    ViewResource,
    ViewTarget,
    WebResource,
)
from .people import Assignment, Holder
from .questions import METHODS, READ, targets_of, web_target
from .target import action_of

ANYBODY = "user:*"  # a person that no grant names


class Expectation(StrEnum):
    """What a guardrail asks for."""

    ALLOW = "allow"
    DENY = "deny"


@dataclass(frozen=True, slots=True)
class Guardrail:
    """Who asks (exactly one of role, user, any_user) for what (exactly one of segment, url, view), and how.

    `user` is a subject id. `factor` None is enrolled but not verified. Left open: method, address and at as None.
    """

    name: str
    expect: Expectation
    role: str | None = None
    user: str | None = None
    any_user: bool = False
    segment: str | None = None
    url: str | None = None
    view: str | None = None
    method: str | None = None
    factor: Factor | None = Factor.WEBAUTHN
    factor_age: timedelta = timedelta()
    address: IPAddress | None = None
    at: datetime | None = None

    def __post_init__(self) -> None:
        if (self.role, self.user, self.any_user or None).count(None) != 2:
            raise ValueError(f"guardrail `{self.name}` needs exactly one of role, user and any_user")
        if (self.segment, self.url, self.view).count(None) != 2:
            raise ValueError(f"guardrail `{self.name}` needs exactly one of segment, url and view")
        if self.method is not None:
            action_of(self.method)
        if self.url is not None:
            web_target(self.url, "GET")

    @property
    def allows(self) -> bool:
        """Whether it asks for access, not for its absence."""
        return self.expect is Expectation.ALLOW


@dataclass(frozen=True, slots=True)
class Break:
    """The counterexample to a guardrail: who, asking for what, when and from where, was answered how."""

    guardrail: Guardrail
    who: str
    target: Target | None = None
    context: Context | None = None
    decision: Decision | None = None
    grants: tuple[Grant, ...] = ()


def breaks(
    policy: Policy, guardrails: Iterable[Guardrail], holders: Iterable[Holder], now: datetime
) -> tuple[Break, ...]:
    """The guardrails that the policy breaks, each with its first counterexample."""
    enforced = Circumstances(_without_quarantine(policy))
    people = tuple(replace(holder, active=True, quarantined=False) for holder in holders)
    found = (_first_break(enforced, guardrail, people, now) for guardrail in guardrails)
    return tuple(broken for broken in found if broken is not None)


def _first_break(
    around: Circumstances, guardrail: Guardrail, people: tuple[Holder, ...], now: datetime
) -> Break | None:
    targets = tuple(_targets(around.policy, guardrail))
    if not targets and guardrail.allows:
        return Break(guardrail, _name_of(guardrail))
    for target in targets:
        segments = around.segments_of(target, now)
        for holder in _askers(around, guardrail, segments, people):
            broken = _judged(around, guardrail, target, segments, holder, now)
            if broken is not None:
                return broken
    return None


def _judged(
    around: Circumstances,
    guardrail: Guardrail,
    target: Target,
    segments: tuple[str, ...],
    holder: Holder,
    now: datetime,
) -> Break | None:
    times = (guardrail.at,) if guardrail.at else around.moments(segments, holder, now)
    held = tuple(at for at in times if guardrail.role is None or guardrail.role in holder.roles(at))
    if not held:
        return None  # never has the role that the guardrail is about
    places = (guardrail.address,) if guardrail.address else around.addresses(segments)
    decision, context = most_favourable(
        around.policy, partial(_asking, holder, guardrail), target, contexts(held, places)
    )
    if decision.allowed == guardrail.allows:
        return None
    named = tuple(grant for grant in around.grants_on(segments) if grant.id in decision.grants)
    return Break(guardrail, holder.name, target, context, decision, named)


def _asking(holder: Holder, guardrail: Guardrail, at: datetime) -> Subject:
    factor, age = guardrail.factor, guardrail.factor_age
    return holder.subject(at, *((Verification(factor, at - age),) if factor else ()))


def _targets(policy: Policy, guardrail: Guardrail) -> Iterator[Target]:
    if guardrail.segment is not None:
        yield from _targets_in(policy, guardrail)
        return
    for method in _methods(guardrail):
        if guardrail.url is not None:
            yield web_target(guardrail.url, method)
        else:
            yield ViewTarget(guardrail.view or "", method)


def _targets_in(policy: Policy, guardrail: Guardrail) -> Iterator[Target]:
    for resource in policy.resources:
        if resource.segment != guardrail.segment or not isinstance(resource, ViewResource | WebResource):
            continue
        if resource.anonymous and not guardrail.any_user and not guardrail.allows:
            continue
        if guardrail.method is not None:
            yield from _with_method(policy, resource, guardrail.method)
            continue
        for action, target in targets_of(policy, resource).items():
            if action == READ or not guardrail.allows:
                yield target


def _with_method(policy: Policy, resource: ViewResource | WebResource, method: str) -> Iterator[Target]:
    covered = resource.answered_methods if isinstance(resource, WebResource) else None
    if covered is None or method in covered:
        yield from (replace(target, method=method) for target in tuple(targets_of(policy, resource).values())[:1])


def _methods(guardrail: Guardrail) -> tuple[str, ...]:
    if guardrail.method is not None:
        return (guardrail.method,)
    return ("GET",) if guardrail.allows else tuple(usual[0] for usual in METHODS.values())


def _askers(
    around: Circumstances, guardrail: Guardrail, segments: tuple[str, ...], people: tuple[Holder, ...]
) -> Iterator[Holder]:
    if guardrail.user is not None:
        known = (holder for holder in people if holder.id == guardrail.user)
        yield next(known, Holder(guardrail.user, guardrail.user))
        return
    if guardrail.role is not None:
        yield _whoever_holds(guardrail.role)
        if not guardrail.allows:  # more roles only open more: one who holds nothing else stands for all there
            yield from _unlike(around, segments, (one for one in people if guardrail.role in one.possible_roles))
        return
    yield _whoever_holds(EVERYBODY)
    if not guardrail.allows:
        yield from _whoever_is_let_in(around, segments)


def _whoever_is_let_in(around: Circumstances, segments: tuple[str, ...]) -> Iterator[Holder]:
    """A grant opens to its holder whatever else the holder has: so one holder for each stands for every person."""
    for grant in around.grants_on(segments):
        if grant.role is not None:
            yield _whoever_holds(grant.role)
        elif grant.subject is not None and grant.subject.startswith(f"{SubjectKind.USER}:"):
            yield Holder(grant.subject, grant.subject)


def _unlike(around: Circumstances, segments: tuple[str, ...], people: Iterable[Holder]) -> Iterator[Holder]:
    """The first of each set of people whom no grant can tell apart."""
    named = {grant.subject for grant in around.grants_on(segments)}
    seen: set[tuple[object, ...]] = set()
    for holder in people:
        likeness = (holder.kind, frozenset(holder.assignments), holder.id if holder.id in named else "")
        if likeness not in seen:
            seen.add(likeness)
            yield holder


def _whoever_holds(role: str) -> Holder:
    name = "anybody" if role == EVERYBODY else f"whoever holds `{role}`"
    return Holder(ANYBODY, name, assignments=(Assignment(role),))


def _name_of(guardrail: Guardrail) -> str:
    return guardrail.user or (f"whoever holds `{guardrail.role}`" if guardrail.role else "anybody")


def _without_quarantine(policy: Policy) -> Policy:
    return replace(policy, segments=tuple(replace(segment, quarantined=False) for segment in policy.segments))
