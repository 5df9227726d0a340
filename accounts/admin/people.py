"""People in the admin. Their secrets are shown to nobody; what goes beyond a field is an act with a reason."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.utils import unquote
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Exists, OuterRef, Prefetch, Q, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_otp import devices_for_user

from accounts import privileges, sessions
from accounts.admin.acts import ACTS
from accounts.admin.holdings import HeldPart, NewPart
from accounts.confirmation import ActingAdmin
from accounts.models import Role, RoleAssignment, Session, TOTPDevice, User
from accounts.names import normalise_username
from accounts.privileges import staff_of
from audit import ledger
from audit.recorded_admin import RecordedForm, actor_of

NEVER_RECORDED = ("password", "last_login", "factor_failures", "factor_failed_at")
SIGN_INS_SHOWN = 20


# ---------------------------------------------------------------- forms
class NewPersonForm(RecordedForm):
    """A person without a password: nobody but the person chooses one."""

    class Meta:
        model = User
        fields = ("username", "name", "email")

    def clean_username(self) -> str:
        return normalise_username(self.cleaned_data["username"])

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 (Django's signature)
        self.instance.set_unusable_password()
        return super().save(commit)


class PersonForm(RecordedForm):
    staff: User

    class Meta:
        model = User
        fields = ("name", "email", "is_active", "is_staff", "is_superuser", "groups", "user_permissions")

    def clean_groups(self) -> Any:
        """Groups that are given or taken away must not hold more than the one who does it."""
        before, after = set(self.instance.groups.all()), set(self.cleaned_data["groups"])
        for group in before ^ after:
            if not privileges.may_give_group(self.staff, group):
                raise ValidationError(
                    _("The group “%(group)s” may do more than you: only somebody who may do it all gives or takes it."),
                    code="not_allowed",
                    params={"group": group.name},
                )
        return self.cleaned_data["groups"]

    def clean_user_permissions(self) -> Any:
        before, after = set(self.instance.user_permissions.all()), set(self.cleaned_data["user_permissions"])
        if not privileges.may_give(self.staff, before ^ after):
            raise ValidationError(
                _("You can give or take only permissions that you hold yourself."), code="not_allowed"
            )
        return self.cleaned_data["user_permissions"]


# ---------------------------------------------------------------- parts and filters
class PersonRolesPart(HeldPart):
    fk_name = "user"
    fields = ("role", "not_before", "expires_at", "reason", "granted_by", "state", "revoke")
    readonly_fields = ("role", "not_before", "expires_at", "reason", "granted_by", "state")


class NewPersonRolePart(NewPart):
    fk_name = "user"
    verbose_name = gettext_lazy("role")
    verbose_name_plural = gettext_lazy("give a role")
    fields = ("role", "not_before", "expires_at", "reason")
    autocomplete_fields = ("role",)

    def has_add_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return obj != request.user and super().has_add_permission(request, obj)


class RoleFilter(admin.SimpleListFilter):
    title = gettext_lazy("role")
    parameter_name = "role"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(role.slug, str(role)) for role in Role.objects.exclude(slug=Role.EVERYBODY)]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        if not self.value():
            return queryset
        held = RoleAssignment.objects.active(timezone.now()).filter(role__slug=self.value())
        return queryset.filter(pk__in=held.values("user"))


class StandingFilter(admin.SimpleListFilter):
    title = gettext_lazy("standing")
    parameter_name = "standing"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [
            ("active", gettext_lazy("active")),
            ("quarantined", gettext_lazy("in quarantine")),
            ("deactivated", gettext_lazy("deactivated")),
            ("no-factor", gettext_lazy("without a second factor")),
        ]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        wanted = {
            "active": Q(is_active=True, quarantined_at=None),
            "quarantined": Q(quarantined_at__isnull=False),
            "deactivated": Q(is_active=False),
            "no-factor": Q(has_factor=False),
        }
        return queryset.filter(wanted.get(self.value() or "", Q()))


# ---------------------------------------------------------------- the page
@admin.register(User)
class PersonAdmin(ActingAdmin, DjangoUserAdmin):
    form = PersonForm
    add_form = NewPersonForm
    add_form_template = None
    ledger_kind = "account.changed"
    unrecorded = NEVER_RECORDED
    list_display = ("username", "name", "standing", "roles", "second_factor", "is_staff")
    list_filter = (StandingFilter, RoleFilter, "is_staff", "is_superuser")
    search_fields = ("username", "name", "email")
    search_help_text = gettext_lazy("Search for a username, a name or an email address.")
    filter_horizontal = ("groups", "user_permissions")
    actions = ACTS
    inlines = (PersonRolesPart, NewPersonRolePart)
    add_fieldsets = ((None, {"fields": ("username", "name", "email")}),)
    fieldsets = (
        (None, {"fields": ("username", "name", "email", "is_active", "quarantined_at", "password_note")}),
        (gettext_lazy("Second factors"), {"fields": ("second_factors",)}),
        (gettext_lazy("Signed in"), {"fields": ("sign_ins",)}),
        (gettext_lazy("Staff"), {"fields": ("is_staff", "is_superuser", "groups")}),
        (gettext_lazy("Single permissions"), {"fields": ("user_permissions",), "classes": ("collapse",)}),
        (gettext_lazy("Dates"), {"fields": ("date_joined", "last_login"), "classes": ("collapse",)}),
    )
    shown = ("username", "quarantined_at", "password_note", "second_factors", "sign_ins", "date_joined", "last_login")

    # ------------------------------------------------------------ who may
    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> Any:
        """Beyond what nobody edits: the staff flags are a superuser's to set, and nobody lifts or closes themselves."""
        if obj is None:
            return ()
        own = ("is_active", "is_staff", "is_superuser", "groups", "user_permissions") if obj == request.user else ()
        flags = () if request.user.is_superuser else ("is_staff", "is_superuser", "user_permissions")
        return (*self.shown, *dict.fromkeys((*own, *flags)))

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        fieldsets = super().get_fieldsets(request, obj)
        if obj is None or request.user.has_perm("accounts.view_session"):
            return fieldsets
        return [(title, options) for title, options in fieldsets if "sign_ins" not in options["fields"]]

    def has_change_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        return super().has_change_permission(request, obj) and (
            obj is None or privileges.may_change(staff_of(request), obj)
        )

    def has_delete_permission(self, _request: HttpRequest, _obj: User | None = None) -> bool:
        """An account is deactivated: what it did stays tied to it."""
        return False

    def has_reset_factor_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.reset_factor")

    def has_end_sign_ins_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("accounts.change_session")

    # ------------------------------------------------------------ what is written
    def save_model(self, request: HttpRequest, obj: User, form: Any, change: bool) -> None:  # noqa: FBT001 (Django's signature)
        """The form refuses these with words; a request that got past it is refused here without."""
        privileges.require_no_lift(staff_of(request), User.objects.filter(pk=obj.pk).first(), obj)
        super().save_model(request, obj, form, change)
        if change and "is_active" in form.changed_data and not obj.is_active:
            sessions.end_all(obj)

    @transaction.atomic
    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002 (Django's signature)
        """A password set by a superuser, for a person who cannot set one. The person is signed out everywhere."""
        person = self.get_object(request, unquote(id))
        if person is None:
            raise Http404
        if not privileges.may_set_password(staff_of(request), person):
            raise PermissionDenied
        answer = super().user_change_password(request, id, form_url)
        if User.objects.values_list("password", flat=True).get(pk=person.pk) != person.password:
            sessions.end_all(person)
            data = {"changed": ["password"]}
            ledger.record(kind="account.changed", actor=actor_of(request), subject=person.subject_id, data=data)
        return answer

    # ------------------------------------------------------------ what is shown
    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        devices = TOTPDevice.objects.filter(user=OuterRef("pk"), confirmed=True)
        return super().get_queryset(request).annotate(has_factor=Exists(devices))

    def get_changelist_instance(self, request: HttpRequest) -> Any:
        found = super().get_changelist_instance(request)
        held = RoleAssignment.objects.active(timezone.now()).select_related("role").order_by("role__slug")
        found.result_list = found.result_list.prefetch_related(Prefetch("role_assignments", held, to_attr="held"))
        return found

    def page_tools(self, request: HttpRequest, row: Any) -> dict[str, Any]:
        settable = row is not None and privileges.may_set_password(staff_of(request), row)
        return super().page_tools(request, row) | {"may_set_password": settable}

    def formfield_for_manytomany(self, db_field: Any, request: HttpRequest | None = None, **kwargs: Any) -> Any:
        if db_field.name == "user_permissions":  # their names would read the content types one by one
            kwargs["queryset"] = Permission.objects.select_related("content_type")
        return super().formfield_for_manytomany(db_field, request, **kwargs)

    @admin.display(description=gettext_lazy("standing"))
    def standing(self, person: User) -> str:
        if person.quarantined_at:
            return _("in quarantine")
        return _("active") if person.is_active else _("deactivated")

    @admin.display(description=gettext_lazy("roles"))
    def roles(self, person: User) -> str:
        return ", ".join(str(assignment.role) for assignment in person.held) or "—"  # type: ignore[attr-defined]  # prefetched above

    @admin.display(description=gettext_lazy("second factor"), boolean=True, ordering="has_factor")
    def second_factor(self, person: User) -> bool:
        return bool(person.has_factor)  # type: ignore[attr-defined]  # annotated above

    @admin.display(description=gettext_lazy("password"))
    def password_note(self, person: User) -> str:
        if person.has_usable_password():
            return _("Set. Nobody can see it, neither here nor in the database: only its hash is stored.")
        return _("None yet: this person cannot sign in with a password.")

    @admin.display(description=gettext_lazy("enrolled"))
    def second_factors(self, person: User) -> SafeString:
        devices = [(device._meta.verbose_name, device) for device in devices_for_user(person, confirmed=None)]
        return render_to_string("admin/accounts/second_factors.html", {"devices": devices})

    @admin.display(description=gettext_lazy("sign-ins"))
    def sign_ins(self, person: User) -> SafeString:
        live = Session.objects.live(timezone.now()).filter(user=person)[:SIGN_INS_SHOWN]
        return render_to_string("admin/accounts/sign_ins.html", {"sessions": live})
