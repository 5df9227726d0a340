"""What staff do to a person's account beyond its fields: each asks first, and gives a reason."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts import factors, privileges, standing
from accounts.confirmation import Act
from accounts.models import User


def refusal_to_cut_off(staff: User, person: User) -> str:
    if staff == person:
        return _("Nobody does this to themselves here: ask another administrator.")
    if not privileges.may_cut_off(staff, person):
        return _("Only a superuser touches the account of a superuser.")
    return ""


def refusal_to_reset(staff: User, person: User) -> str:
    if staff == person:
        return _("Your own second factors change on your account page.")
    if not privileges.may_reset_factors(staff, person):
        return _(
            "This account may do more than yours: only somebody who may do as much, or a superuser, resets its factors."
        )
    return ""


def refusal_to_quarantine(staff: User, person: User) -> str:
    return _("Already in quarantine.") if person.quarantined_at else refusal_to_cut_off(staff, person)


def refusal_to_lift(staff: User, person: User) -> str:
    return refusal_to_cut_off(staff, person) if person.quarantined_at else _("Not in quarantine.")


def refusal_to_deactivate(staff: User, person: User) -> str:
    return refusal_to_cut_off(staff, person) if person.is_active else _("Already deactivated.")


def refusal_to_activate(staff: User, person: User) -> str:
    return _("Already active.") if person.is_active else refusal_to_cut_off(staff, person)


ACTS = (
    Act(
        name="reset_factors",
        short_description=gettext_lazy("Reset second factors"),
        consequence=gettext_lazy(
            "Authenticator apps and recovery codes are removed and every sign-in ends. At the next sign-in the "
            "password alone leads to enrolment: make sure that you speak with the right person."
        ),
        keep=gettext_lazy("Keep them"),
        verb=factors.reset,
        of="user",
        refusal=refusal_to_reset,
        allowed_permissions=("reset_factor",),
        grave=True,
    ),
    Act(
        name="end_sign_ins",
        short_description=gettext_lazy("Sign out everywhere"),
        consequence=gettext_lazy("Every sign-in ends, from the next request on."),
        keep=gettext_lazy("Keep them"),
        verb=standing.end_sign_ins,
        of="user",
        refusal=refusal_to_cut_off,
        allowed_permissions=("end_sign_ins",),
    ),
    Act(
        name="quarantine",
        short_description=gettext_lazy("Cut off at once"),
        consequence=gettext_lazy(
            "Nothing opens any more, from the next request on, until the quarantine is lifted. Every sign-in ends."
        ),
        keep=gettext_lazy("Leave it open"),
        verb=standing.quarantine,
        of="user",
        refusal=refusal_to_quarantine,
        allowed_permissions=("change",),
        grave=True,
    ),
    Act(
        name="lift_quarantine",
        short_description=gettext_lazy("Lift quarantine"),
        consequence=gettext_lazy("The person can sign in again and reach what their roles open."),
        keep=gettext_lazy("Keep the quarantine"),
        verb=standing.lift_quarantine,
        of="user",
        refusal=refusal_to_lift,
        allowed_permissions=("change",),
    ),
    Act(
        name="deactivate",
        short_description=gettext_lazy("Deactivate"),
        consequence=gettext_lazy("The account is closed and every sign-in ends. It stays as a record, with its roles."),
        keep=gettext_lazy("Keep it active"),
        verb=standing.deactivate,
        of="user",
        refusal=refusal_to_deactivate,
        allowed_permissions=("change",),
        grave=True,
    ),
    Act(
        name="activate",
        short_description=gettext_lazy("Activate"),
        consequence=gettext_lazy("The person can sign in again."),
        keep=gettext_lazy("Leave it closed"),
        verb=standing.activate,
        of="user",
        refusal=refusal_to_activate,
        allowed_permissions=("change",),
    ),
)
