"""What staff may do to segments: nobody opens anything to themselves, and what is built in belongs to superusers.

Whoever administers access would otherwise need no grant: adding a resource to a segment one may enter, or a grant for a
role one holds, opens just as well.
"""

from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from segments.models import Grant, Segment


def roles_of(person: User) -> frozenset[str]:
    """The slugs of the roles that `person` has or will have, `everybody` among them."""
    unended = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    found = RoleAssignment.objects.unrevoked().filter(unended, user=person)
    return frozenset(found.values_list("role__slug", flat=True)) | {Role.EVERYBODY}


def opens_to(person: User, segment: Segment) -> bool:
    """Whether a grant lets `person` into `segment`, now or later."""
    if segment.pk is None:
        return False
    unended = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    holds = Q(user=person) | Q(role__slug__in=roles_of(person))
    return Grant.objects.filter(unended, holds, segment=segment).exists()


def may_change(actor: User, segment: Segment) -> bool:
    return actor.is_superuser or not segment.built_in


def refusal_to_grant(actor: User, holder: Role | User | ServiceAccount) -> str:
    """Why `actor` may not add or widen a grant for `holder`, in words; empty where nothing is against it."""
    if holder == actor:
        return _("Nobody grants anything to themselves: ask another administrator.")
    if isinstance(holder, Role) and not actor.is_superuser and holder.slug in roles_of(actor):
        return _("You hold the role “%(role)s”: what opens to it opens to you. Ask a superuser.") % {"role": holder}
    return ""


def refusal_to_change_resource(actor: User, segment: Segment, *, anonymous: bool) -> str:
    """Why `actor` may not add or change a resource of `segment`, in words; empty where nothing is against it."""
    if actor.is_superuser:
        return ""
    if anonymous:
        return _("An anonymous resource opens to everybody, signed in or not: only a superuser does this.")
    if opens_to(actor, segment):
        return _("You may enter this segment yourself: what is put into it opens to you. Ask a superuser.")
    return ""
