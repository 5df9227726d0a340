"""Roles, who holds them, and the systems that may hold them too."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import privileges
from accounts.admin.holdings import AssignmentForm, HeldPart, NewPart, state_of
from accounts.admin.tokens import TokenPages
from accounts.confirmation import Act
from accounts.form_fields import NetworksField
from accounts.models import Role, RoleAssignment, ServiceAccount
from accounts.readable import ReadablePage, in_words, listed
from accounts.roles import revoke_role
from audit.recorded_admin import RecordedAdmin, RecordedForm


# ---------------------------------------------------------------- roles
class HoldersPart(HeldPart):
    verbose_name_plural = _("held by")
    fields = ("holder", "not_before", "expires_at", "reason", "granted_by", "state", "revoke")
    readonly_fields = ("holder", "not_before", "expires_at", "reason", "granted_by", "state")

    @admin.display(description=_("holder"))
    def holder(self, assignment: RoleAssignment) -> str:
        if assignment._state.adding:  # a forged page, shown again with what is wrong
            return "—"
        return assignment.holder.subject_id


class NewHolderPart(NewPart):
    verbose_name = _("holder")
    verbose_name_plural = _("give this role")
    fields = ("user", "service_account", "not_before", "expires_at", "reason")
    autocomplete_fields = ("user", "service_account")

    def has_add_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        everybody = obj is not None and obj.slug == Role.EVERYBODY
        return not everybody and super().has_add_permission(request, obj)


@admin.register(Role)
class RoleAdmin(RecordedAdmin):
    list_display = ("name", "slug", "holders", "is_built_in")
    ordering = ("slug",)  # counting the holders would lose the order of the model
    search_fields = ("slug", "name", "description")
    search_help_text = _("Search for a name or a slug.")
    fieldsets = ((None, {"fields": ("name", "slug", "description")}),)
    inlines = (HoldersPart, NewHolderPart)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Role]:
        now = timezone.now()
        held = Q(assignments__revoked_at=None) & (Q(assignments__expires_at=None) | Q(assignments__expires_at__gt=now))
        return super().get_queryset(request).annotate(held_by=Count("assignments", filter=held))

    def get_readonly_fields(self, request: HttpRequest, obj: Role | None = None) -> Any:
        """What is built in keeps its name: the policy, the file and the words of the screens rely on it."""
        return ("name", "slug", "description") if obj is not None and obj.built_in else ()

    def get_prepopulated_fields(self, request: HttpRequest, obj: Role | None = None) -> Any:
        return {"slug": ("name",)} if obj is None else {}

    def has_delete_permission(self, request: HttpRequest, obj: Role | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.built_in)

    @admin.display(description=_("held by"), ordering="held_by")
    def holders(self, role: Role) -> str | int:
        return str(_("everybody")) if role.slug == Role.EVERYBODY else role.held_by  # type: ignore[attr-defined]  # annotated above

    @admin.display(description=_("built in"), boolean=True, ordering="built_in")
    def is_built_in(self, role: Role) -> bool:
        return role.built_in


# ---------------------------------------------------------------- role assignments
class StateFilter(admin.SimpleListFilter):
    title = _("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("active", pgettext_lazy("role assignment", "active")),
            ("not-begun", pgettext_lazy("role assignment", "not begun")),
            ("expired", pgettext_lazy("role assignment", "expired")),
            ("revoked", pgettext_lazy("role assignment", "revoked")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[RoleAssignment]) -> QuerySet[RoleAssignment]:
        now = timezone.now()
        unrevoked = Q(revoked_at=None)
        wanted = {
            "active": Q(pk__in=RoleAssignment.objects.active(now).values("pk")),
            "not-begun": unrevoked & Q(not_before__gt=now),
            "expired": unrevoked & Q(expires_at__lte=now),
            "revoked": Q(revoked_at__isnull=False),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


REVOKE = Act(
    name="revoke",
    short_description=_("Revoke"),
    consequence=_("The role is taken away, from the next request on. The assignment stays as a record."),
    keep=_("Keep it"),
    verb=revoke_role,
    of="assignment",
    refusal=privileges.refusal_to_revoke_role,
    allowed_permissions=("revoke",),
)


class NewAssignmentForm(AssignmentForm, RecordedForm):
    """The add page of its own."""


@admin.register(RoleAssignment)
class RoleAssignmentAdmin(RecordedAdmin):
    """Given and revoked, never edited and never deleted: what was is part of the record."""

    form = NewAssignmentForm
    list_display = ("role", "holder", "state", "not_before", "expires_at", "reason", "granted_by", "granted_at")
    list_display_links = ("role", "holder")
    list_filter = (StateFilter, "role")
    list_select_related = ("role", "user", "service_account", "granted_by")
    search_fields = ("role__slug", "role__name", "user__username", "user__name", "service_account__name", "reason")
    search_help_text = _("Search for a role, a person, a service account or a reason.")
    autocomplete_fields = ("role", "user", "service_account")
    fieldsets = (
        (None, {"fields": ("role", "user", "service_account")}),
        (_("When and why"), {"fields": ("not_before", "expires_at", "reason")}),
    )
    actions = (REVOKE,)

    def get_fieldsets(self, request: HttpRequest, obj: RoleAssignment | None = None) -> Any:
        record = (_("Record"), {"fields": ("state", "granted_by", "granted_at", "revoked_by", "revoked_at")})
        return [*super().get_fieldsets(request, obj), *([record] if obj else [])]

    def get_readonly_fields(self, request: HttpRequest, obj: RoleAssignment | None = None) -> Any:
        return ("state", "granted_by", "granted_at", "revoked_by", "revoked_at") if obj else ()

    def has_change_permission(self, _request: HttpRequest, _obj: RoleAssignment | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: RoleAssignment | None = None) -> bool:
        return super().has_view_permission(request, obj)

    def has_delete_permission(self, _request: HttpRequest, _obj: RoleAssignment | None = None) -> bool:
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_roleassignment")

    def save_model(self, request: HttpRequest, obj: RoleAssignment, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        granted = form.give()
        obj.pk, obj._state.adding = granted.pk, False

    def record(self, *_args: Any, **_kwargs: Any) -> None:
        """The verb did."""

    @admin.display(description=_("holder"), ordering="user__username")
    def holder(self, assignment: RoleAssignment) -> str:
        return assignment.holder.subject_id

    @admin.display(description=_("state"))
    def state(self, assignment: RoleAssignment) -> SafeString:
        return format_html('<span class="state">{}</span>', state_of(assignment, timezone.now()))


# ---------------------------------------------------------------- service accounts
class ServiceRolesPart(HeldPart):
    fk_name = "service_account"
    fields = ("role", "not_before", "expires_at", "reason", "granted_by", "state", "revoke")
    readonly_fields = ("role", "not_before", "expires_at", "reason", "granted_by", "state")


class NewServiceRolePart(NewPart):
    fk_name = "service_account"
    verbose_name = _("role")
    verbose_name_plural = _("give a role")
    fields = ("role", "not_before", "expires_at", "reason")
    autocomplete_fields = ("role",)


class ServiceAccountForm(RecordedForm):
    networks = NetworksField(label=_("Networks"))

    class Meta:
        model = ServiceAccount
        fields = ("name", "is_active", "networks")


@admin.register(ServiceAccount)
class ServiceAccountAdmin(ReadablePage, TokenPages):
    form = ServiceAccountForm
    readable = ("networks",)
    networks_in_words = in_words("networks", _("networks"), listed)
    ledger_kind = "account.changed"
    list_display = ("name", "is_active", "networks_in_words", "created_at")
    list_filter = ("is_active",)
    search_fields = ("name",)
    search_help_text = _("Search for a name.")
    fieldsets = ((None, {"fields": ("name", "is_active", "networks")}),)
    inlines = (ServiceRolesPart, NewServiceRolePart)

    def get_readonly_fields(self, request: HttpRequest, obj: ServiceAccount | None = None) -> Any:
        named = ("name",) if obj else ()  # the ledger knows it by this name
        return (*super().get_readonly_fields(request, obj), *named)

    def has_delete_permission(self, _request: HttpRequest, _obj: ServiceAccount | None = None) -> bool:
        """Untick “active” instead: the roles it held are part of the record."""
        return False
