"""What staff may do to segments: nobody opens anything to themselves, and what is built in belongs to superusers.

Whoever administers access would otherwise need no grant: adding a resource to a segment one may enter, or a grant for a
role one holds, opens just as well; so does taking a resource out of a closed segment, where a shorter path is open.
"""

from dataclasses import replace
from datetime import datetime

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from segments.models import Grant, Segment
from segments.policy.engine import decide
from segments.policy.impact import ANYBODY, World, impact
from segments.policy.model import Context, Policy, Reason, ViewTarget, WebTarget, WorkloadResource
from segments.policy.questions import targets_of


def may_change(actor: User, segment: Segment) -> bool:
    return actor.is_superuser or not segment.built_in


def refusal_to_grant(actor: User, holder: Role | User | ServiceAccount) -> str:
    """Why `actor` may not add or change a grant for `holder`, in words; empty where nothing is against it."""
    return _("Nobody grants anything to themselves: ask another administrator.") if holder == actor else ""


def refusal_to_change_resource(actor: User, segment: Segment, *, anonymous: bool) -> str:
    """Why `actor` may not add or change a resource of `segment`, in words; empty where nothing is against it."""
    if actor.is_superuser:
        return ""
    if anonymous:
        return _("An anonymous resource opens to everybody, signed in or not: only a superuser does this.")
    if segment.slug in open_to(actor):
        return _("You may enter this segment yourself: what is put into it opens to you. Ask a superuser.")
    return ""


def open_to(person: User) -> frozenset[str]:
    """The slugs of the segments that a grant opens to `person`, now or later, narrowed or not."""
    unended = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    held = RoleAssignment.objects.unrevoked().filter(unended, user=person).values("role")
    holds = Q(user=person) | Q(role__in=held) | Q(role__slug=Role.EVERYBODY)
    return frozenset(Grant.objects.filter(unended, holds).values_list("segment__slug", flat=True))


def refusal_to_open(actor: User, before: World, after: World, now: datetime) -> str:
    """Why `actor` may not make `after` of `before`: it would let `actor` do more. Both hold `actor` alone."""
    if actor.is_superuser:
        return ""
    gained = impact(_enforced(before), _enforced(after), now).gained
    if gained:
        first = gained[0]
        named = {"resource": first.resource, "segment": first.segment}
        return _("This would open “%(resource)s” in “%(segment)s” to you as well. Ask a superuser.") % named
    return refusal_to_move(actor, before.policy, after.policy)


def refusal_to_move(actor: User, before: Policy, after: Policy) -> str:
    """Why `actor` may not make `after` of `before`: something would fall into a segment that lets `actor` in.

    Or out of one that is built in: who moves a view of the administration away shuts out whoever could put it back.
    """
    mine, built_in = open_to(actor), frozenset(Segment.objects.filter(built_in=True).values_list("slug", flat=True))
    for resource in set(before.resources) ^ set(after.resources):
        for target in () if isinstance(resource, WorkloadResource) else targets_of(before, resource).values():
            old, new = place(before, target), place(after, target)
            if new not in (old, None) and (new in mine or new == ANYBODY):
                return _("“%s” would then lie where you may enter yourself. Ask a superuser.") % resource.id
            if old in built_in and new != old:
                return _("“%s” lies in what is built in: only a superuser takes it out.") % resource.id
    return ""


def place(policy: Policy, target: ViewTarget | WebTarget) -> str | None:
    """The segment that `target` lies in, ANYBODY where it is anonymous, None where it is nowhere."""
    decision = decide(policy, None, target, Context(at=timezone.now(), address=None))
    return ANYBODY if decision.reason is Reason.ANONYMOUS_RESOURCE else decision.segment


def _enforced(world: World) -> World:
    """Without its quarantines: lifting one gives nothing that the grants had not given before."""
    open_again = tuple(replace(segment, quarantined=False) for segment in world.policy.segments)
    return replace(world, policy=replace(world.policy, segments=open_again))
