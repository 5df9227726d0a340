"""Who holds which role, as parts of other pages: held ones can be revoked, new ones given. Both through the verbs."""

from datetime import datetime
from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.forms.models import BaseInlineFormSet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, pgettext

from accounts import privileges
from accounts.models import Role, RoleAssignment, ServiceAccount, User
from accounts.privileges import staff_of
from accounts.roles import RoleError, grant_role, revoke_role
from audit.choices import ChoosingPage


def state_of(assignment: RoleAssignment, at: datetime) -> str:
    """In words: revoked, expired, not begun, or active."""
    if assignment.revoked_at is not None:
        return pgettext("role assignment", "revoked")
    if assignment.expires_at is not None and assignment.expires_at <= at:
        return pgettext("role assignment", "expired")
    if assignment.not_before is not None and assignment.not_before > at:
        return pgettext("role assignment", "not begun")
    return pgettext("role assignment", "active")


class AssignmentForm(forms.ModelForm):
    """A new role assignment."""

    staff: User

    class Meta:
        model = RoleAssignment
        fields = ("role", "user", "service_account", "not_before", "expires_at", "reason")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        expires_at = cleaned.get("expires_at")
        if expires_at is not None and expires_at <= timezone.now():
            self.add_error("expires_at", _("This time is over: choose a later one, or leave it empty for no end."))
        role, holder = cleaned.get("role"), cleaned.get("user") or cleaned.get("service_account")
        if role and holder:
            self._check(role, holder)
        return cleaned

    def _check(self, role: Role, holder: User | ServiceAccount) -> None:
        """On the add page of a person there is no holder to ask about yet: nobody there holds anything."""
        if refusal := privileges.refusal_to_give_role(self.staff, role, holder):
            raise ValidationError(refusal, code="not_allowed")
        if holder.pk and holds_already(role, holder):
            raise ValidationError(
                _("%(holder)s already has the role “%(role)s”: revoke that assignment first."),
                code="held",
                params={"holder": holder, "role": role},
            )

    def give(self) -> RoleAssignment:
        """Through the verb, which records it."""
        cleaned = self.cleaned_data
        holder: User | ServiceAccount = cleaned.get("user") or cleaned["service_account"]
        if privileges.refusal_to_give_role(self.staff, cleaned["role"], holder):
            raise PermissionDenied  # the form has said so already; this is for whatever gets past it
        window = {name: cleaned[name] for name in ("not_before", "expires_at", "reason")}
        try:
            return grant_role(role=cleaned["role"], holder=holder, by=self.staff, **window)
        except RoleError as error:  # somebody else was quicker
            raise ValidationError(str(error), code="refused") from None


def holds_already(role: Role, holder: User | ServiceAccount) -> bool:
    """Whether an assignment stands in the way: one that has run out is closed by the verb."""
    field = {"user": holder} if isinstance(holder, User) else {"service_account": holder}
    standing = RoleAssignment.objects.unrevoked().filter(role=role, **field)
    return any(found.expires_at is None or found.expires_at > timezone.now() for found in standing)


class HeldForm(forms.ModelForm):
    """An assignment that exists: nothing of it can be edited, it can be revoked."""

    staff: User
    revoke = forms.BooleanField(label=gettext_lazy("Revoke"), required=False)

    class Meta:
        model = RoleAssignment
        fields = ()

    def clean_revoke(self) -> bool:
        revoke: bool = self.cleaned_data["revoke"]
        if revoke and (refusal := privileges.refusal_to_revoke_role(self.staff, self.instance)):
            raise ValidationError(refusal, code="not_allowed")
        return revoke


class HeldFormSet(BaseInlineFormSet):
    """Saving an existing assignment means revoking it, where that is ticked."""

    staff: User

    def save_existing(self, form: Any, obj: RoleAssignment, commit: bool = True) -> RoleAssignment:  # noqa: FBT001, FBT002 (Django's signature)
        if form.cleaned_data.get("revoke"):
            try:
                revoke_role(assignment=obj, by=self.staff)
            except RoleError as error:  # somebody else was quicker
                raise ValidationError(str(error), code="refused") from None
        return obj


class NewFormSet(BaseInlineFormSet):
    """Saving a new assignment means giving the role."""

    staff: User

    def clean(self) -> None:
        """Two rows of one page are compared here: neither is in the database yet."""
        super().clean()
        names = [name for name in ("role", "user", "service_account") if name != self.fk.name]
        asked = [
            tuple(form.cleaned_data.get(name) for name in names)
            for form in self.forms
            if form.has_changed() and form.is_valid()
        ]
        if len(set(asked)) != len(asked):
            raise ValidationError(_("The same role is given twice: leave one of the rows empty."), code="repeated")

    def save_new(self, form: Any, commit: bool = True) -> RoleAssignment:  # noqa: FBT001, FBT002 (Django's signature)
        form.cleaned_data[self.fk.name] = self.instance
        return form.give()


class RolePart(ChoosingPage, admin.TabularInline):
    """What both parts share: each form knows who of the staff sits before it."""

    model = RoleAssignment
    extra = 0

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[Any]:
        formset = super().get_formset(request, obj, **kwargs)
        form = type(formset.form.__name__, (formset.form,), {"staff": staff_of(request)})
        return type(formset.__name__, (formset,), {"staff": staff_of(request), "form": form})


class HeldPart(RolePart):
    form = HeldForm
    formset = HeldFormSet
    max_num = 0
    can_delete = False
    verbose_name_plural = gettext_lazy("roles held")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoleAssignment]:
        found = super().get_queryset(request).filter(revoked_at=None)
        return found.select_related("role", "user", "service_account", "granted_by")

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("state"))
    def state(self, assignment: RoleAssignment) -> str:
        return state_of(assignment, timezone.now())


class NewPart(RolePart):
    form = AssignmentForm
    formset = NewFormSet
    can_delete = False

    def get_queryset(self, request: HttpRequest) -> QuerySet[RoleAssignment]:
        return super().get_queryset(request).none()

    def has_view_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """There is nothing to see here but empty rows."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False
