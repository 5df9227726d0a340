"""What staff may do to the accounts of others, and to their own: nobody lifts themselves, nobody reaches up.

Django's permissions say which pages somebody may use; these rules say on whom, and what may be handed on.
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.models import Role, RoleAssignment, ServiceAccount, User


def staff_of(request: HttpRequest) -> User:
    """Who of the staff sits before a page of the admin; it lets nobody else in."""
    assert isinstance(request.user, User)
    return request.user


def permissions_of(person: User) -> frozenset[str]:
    """The permissions that `person` has or would have when active: a deactivated account can be activated again."""
    given = Permission.objects.filter(Q(user=person) | Q(group__user=person)).select_related("content_type")
    return _names(given)


def may_change(actor: User, person: User) -> bool:
    """Whoever changes an account could become it: nobody reaches one that may do more than they may."""
    if actor.is_superuser or actor.pk == person.pk:
        return True
    return not reaches_up(actor, person) and permissions_of(person) <= permissions_of(actor)


def reaches_up(actor: User, person: User) -> bool:
    """Only a superuser touches a superuser's account, whatever of it."""
    return person.is_superuser and not actor.is_superuser


def may_cut_off(actor: User, person: User) -> bool:
    """Signing out, deactivation and quarantine give nothing: staff may stop their peers, though not a superuser."""
    return actor.pk != person.pk and not reaches_up(actor, person)


def may_reset_factors(actor: User, person: User) -> bool:
    """One's own factors change on the account page, where the present one is asked for."""
    return actor.pk != person.pk and may_change(actor, person)


def may_set_password(actor: User, person: User) -> bool:
    """Superusers alone, for others than superusers; one's own is changed on the account page."""
    return actor.is_superuser and not person.is_superuser and actor.pk != person.pk


def may_give(actor: User, permissions: Iterable[Permission]) -> bool:
    """Permissions are given, and taken, by those who hold them."""
    return actor.is_superuser or _names(permissions) <= permissions_of(actor)


def may_give_group(actor: User, group: Group) -> bool:
    return may_give(actor, group.permissions.select_related("content_type"))


def may_hand_on(actor: User, role: Role) -> bool:
    """The role that opens the administration is given by those who hold it, others by whoever may give roles."""
    if actor.is_superuser or role.slug != Role.ADMINISTRATOR:
        return True
    return RoleAssignment.objects.active(timezone.now()).filter(user=actor, role=role).exists()


def refusal_to_give_role(actor: User, role: Role, holder: User | ServiceAccount) -> str:
    """Why `actor` may not give `role` to `holder`, in words; empty where nothing is against it."""
    if holder == actor:
        return _("Nobody gives a role to themselves: ask another administrator.")
    if role.slug == Role.EVERYBODY:
        return _("Everybody who is signed in has this role already.")
    if isinstance(holder, User) and reaches_up(actor, holder):
        return _("Only a superuser changes the roles of a superuser.")
    if not may_hand_on(actor, role):
        return _("The role “%(role)s” opens the administration: only those who hold it give it.") % {"role": role}
    return ""


def refusal_to_revoke_role(actor: User, assignment: RoleAssignment) -> str:
    """Why `actor` may not take the role of `assignment` away, in words; empty where nothing is against it."""
    if assignment.revoked_at is not None:
        return _("This role is already revoked.")
    if assignment.user is not None and reaches_up(actor, assignment.user):
        return _("Only a superuser changes the roles of a superuser.")
    return ""


def refusal_to_issue_token(actor: User, account: ServiceAccount) -> str:
    """Why `actor` may not make a token of `account`, in words; empty where nothing is against it.

    Whoever is told a token could be the account: making one gives away each role that it holds, now or later.
    """
    unended = Q(expires_at=None) | Q(expires_at__gt=timezone.now())
    held = RoleAssignment.objects.unrevoked().filter(unended, service_account=account).select_related("role")
    may_give_any = actor.has_perm("accounts.add_roleassignment")
    for role in sorted({assignment.role for assignment in held}, key=lambda role: role.slug):
        if not may_give_any or not may_hand_on(actor, role):
            return _("The account holds the role “%(role)s”: only those who may give it make a token.") % {"role": role}
    return ""


def require_no_lift(actor: User, before: User | None, after: User) -> None:
    """The last line before an account is written, whatever the form was made to say. Raises PermissionDenied."""
    if before is not None and not may_change(actor, before):
        raise PermissionDenied
    flags = [(getattr(before, name, False), getattr(after, name)) for name in ("is_staff", "is_superuser")]
    own = before is not None and before.pk == actor.pk
    if any(old != new for old, new in flags) and (own or not actor.is_superuser):
        raise PermissionDenied


@contextmanager
def administrator_kept() -> Iterator[None]:
    """What happens inside is undone, with a ValidationError, if nobody would be left who can administer.

    The row of the role is locked meanwhile: two who take each other's away come one after the other.
    """
    with transaction.atomic():
        list(Role.objects.select_for_update().filter(slug=Role.ADMINISTRATOR).values_list("pk"))
        there_was_one = _administrators().exists()
        yield
        if there_was_one and not _administrators().exists():
            raise ValidationError(
                _("Nobody would be left who can administer: first give another superuser the role “administrator”."),
                code="last_administrator",
            )


def _administrators() -> QuerySet[User]:
    held = RoleAssignment.objects.active(timezone.now()).filter(role__slug=Role.ADMINISTRATOR)
    whole = User.objects.filter(is_active=True, is_staff=True, is_superuser=True, quarantined_at=None)
    return whole.filter(pk__in=held.values("user"))


def _names(permissions: Iterable[Permission]) -> frozenset[str]:
    return frozenset(f"{found.content_type.app_label}.{found.codename}" for found in permissions)
