"""Who gains and who loses what between two policies: what each subject can do in each, by the one engine.

Access is what somebody can get at the most favourable place and time from now on, with a factor that was just
verified; access with an authenticator app and with a passkey are two things, because a segment may ask for the second.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Final

from .circumstances import Circumstances, contexts, most_favourable
from .engine import Target
from .lookup import Room
from .model import Factor, Policy, Subject, SubjectKind, Verification, ViewResource, WebResource
from .people import Holder
from .questions import METHODS, targets_of

ANYBODY: Final = "anybody"
_FACTORS: Final = {SubjectKind.USER: (Factor.TOTP, Factor.WEBAUTHN), SubjectKind.SERVICE: (None,)}


@dataclass(frozen=True, slots=True, order=True)
class Access:
    """A subject may do an action on a resource, with a factor (none for a system, and for what is anonymous)."""

    subject: str
    segment: str
    resource: str
    action: str
    factor: str = ""


@dataclass(frozen=True, slots=True)
class World:
    """Everything that access depends on: a policy, and everybody who could ask."""

    policy: Policy
    holders: tuple[Holder, ...] = ()


@dataclass(frozen=True, slots=True)
class Impact:
    """What is gained and what is lost, in a stable order."""

    gained: tuple[Access, ...] = ()
    lost: tuple[Access, ...] = ()


def impact(before: World, after: World, now: datetime) -> Impact:
    """Compare two worlds, from `now` on."""
    if before == after:
        return Impact()
    had, has = frozenset(access_in(before, now)), frozenset(access_in(after, now))
    return Impact(gained=tuple(sorted(has - had)), lost=tuple(sorted(had - has)))


def access_in(world: World, now: datetime) -> Iterator[Access]:
    """Everything that somebody may do."""
    around = Circumstances(world.policy)
    by_segment: dict[str, list[ViewResource | WebResource]] = {}
    for resource in world.policy.resources:
        if isinstance(resource, ViewResource | WebResource):
            by_segment.setdefault(resource.segment, []).append(resource)
    for slug, resources in by_segment.items():
        room = world.policy.index.room(slug)
        yield from _anonymous(world.policy, room, resources)
        for holder in world.holders:
            if room.held_by(holder.id, holder.possible_roles):  # without a grant nothing opens
                yield from _access_of(around, holder, slug, resources, now)


def _anonymous(policy: Policy, room: Room, resources: Iterable[ViewResource | WebResource]) -> Iterator[Access]:
    for resource in resources:
        if resource.anonymous and not room.quarantined:
            for action in targets_of(policy, resource):
                yield Access(ANYBODY, room.slug, resource.id, action)


def _access_of(
    around: Circumstances,
    holder: Holder,
    slug: str,
    resources: Iterable[ViewResource | WebResource],
    now: datetime,
) -> Iterator[Access]:
    circumstances = tuple(contexts(around.moments((slug,), holder, now), around.addresses((slug,))))
    for resource in resources:
        if resource.anonymous:
            continue
        for action, target in _actions(around, resource):
            for factor in _FACTORS[holder.kind]:
                asking = partial(_asking, holder, factor)
                decision, _ = most_favourable(around.policy, asking, target, circumstances, action)
                if decision.allowed:
                    yield Access(holder.id, slug, resource.id, action, str(factor or ""))


def _actions(around: Circumstances, resource: ViewResource | WebResource) -> Iterator[tuple[str, Target]]:
    """Reading and writing where the resource covers them, and the actions of its own that some grant names."""
    targets = targets_of(around.policy, resource)
    yield from targets.items()
    named = {action for grant in around.grants_on((resource.segment,)) for action in grant.actions}
    for action in sorted(named - METHODS.keys()):
        yield from ((action, target) for target in tuple(targets.values())[:1])


def _asking(holder: Holder, factor: Factor | None, at: datetime) -> Subject:
    return holder.subject(at, *((Verification(factor, at),) if factor else ()))
