"""What a subject may reach now and until when, as the engine says it. Records nothing: nobody asked to enter yet."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from segments.policy.engine import decide
from segments.policy.model import (
    Context,
    Decision,
    Grant,
    Policy,
    Reason,
    Subject,
    ViewResource,
    ViewTarget,
    WebResource,
    WebTarget,
    WorkloadResource,
)

# Refusals that a person with a grant can mend or wait for: such a resource is shown, with what it needs.
WITHIN_REACH: Final = frozenset(
    {
        Reason.STRONGER_FACTOR_REQUIRED,
        Reason.REAUTHENTICATION_REQUIRED,
        Reason.OUTSIDE_SEGMENT_NETWORK,
        Reason.OUTSIDE_SEGMENT_HOURS,
        Reason.OUTSIDE_GRANT_NETWORK,
        Reason.OUTSIDE_GRANT_HOURS,
        Reason.GRANT_NOT_YET_VALID,
    }
)
METHODS: Final = {"read": "GET", "write": "POST"}


@dataclass(frozen=True, slots=True)
class Reach:
    """One resource within reach of a subject: what each action would be answered, and through which grants."""

    resource: ViewResource | WebResource
    decisions: dict[str, Decision]  # by action, read and write
    grants: tuple[Grant, ...]

    @property
    def nearest(self) -> Decision:
        """The decision that says most: an allowed one, else the first."""
        return next((found for found in self.decisions.values() if found.allowed), next(iter(self.decisions.values())))

    @property
    def actions(self) -> tuple[str, ...]:
        return tuple(
            action for action, found in self.decisions.items() if found.allowed or found.reason in WITHIN_REACH
        )


def within_reach(policy: Policy, subject: Subject, context: Context) -> dict[str, list[Reach]]:
    """The resources within reach, by segment slug. A segment without any is left out."""
    found: dict[str, list[Reach]] = {}
    held = _grants_of(policy, subject)
    for resource in policy.resources:
        if isinstance(resource, WorkloadResource) or resource.anonymous:
            continue  # no person opens machines, and what everybody may call is nobody's access
        if resource.segment in held:
            reach = _reach(policy, resource, subject, context, held[resource.segment])
            if reach.actions:
                found.setdefault(resource.segment, []).append(reach)
    return found


def until(grants: Iterable[Grant], role_ends: dict[str, datetime | None]) -> datetime | None:
    """When the last of the grants stops opening: each ends with itself or with the role it is for. None: no end."""
    ends = [_end(grant, role_ends) for grant in grants]
    return None if not ends or None in ends else max(end for end in ends if end)


def _end(grant: Grant, role_ends: dict[str, datetime | None]) -> datetime | None:
    known = [end for end in (grant.expires_at, role_ends.get(grant.role or "")) if end]
    return min(known) if known else None


def _grants_of(policy: Policy, subject: Subject) -> dict[str, list[Grant]]:
    held: dict[str, list[Grant]] = {}
    for grant in policy.grants:
        if grant.subject == subject.id or grant.role in subject.roles:
            held.setdefault(grant.segment, []).append(grant)
    return held


def _reach(
    policy: Policy, resource: ViewResource | WebResource, subject: Subject, context: Context, grants: list[Grant]
) -> Reach:
    decisions = {
        action: decide(policy, subject, _target(resource, method), context) for action, method in METHODS.items()
    }
    return Reach(resource, decisions, tuple(grants))


def _target(resource: ViewResource | WebResource, method: str) -> ViewTarget | WebTarget:
    """Something inside the resource, to ask about."""
    if isinstance(resource, ViewResource):
        return ViewTarget(resource.view.replace(":*", ":any"), method)
    return WebTarget(resource.host.replace("*.", "any."), resource.path, method)
