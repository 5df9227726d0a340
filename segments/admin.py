"""The stored policy in the admin: a segment with everything that is in it on one page."""

from typing import Any

from django.contrib import admin
from django.db.models import Count, Exists, IntegerField, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.http import HttpRequest
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.confirmation import Act, ActingAdmin
from accounts.models import User
from accounts.privileges import staff_of
from accounts.readable import ReadablePage, in_words, listed
from audit.choices import ChoosingPage
from audit.recorded_admin import RecordedAdmin
from segments import privileges, quarantine
from segments import readable as words
from segments.forms import (
    FlowForm,
    GrantForm,
    GuardrailForm,
    NewGrantForm,
    PartFormSet,
    ResourceForm,
    ResourceFormSet,
    SegmentForm,
)
from segments.models import Flow, Grant, Guardrail, Resource, Segment


def warning(text: str | Promise) -> SafeString:
    """Red, and the word that says why: colour alone tells nobody."""
    return format_html('<strong class="warning-word">{}</strong>', text)


# ---------------------------------------------------------------- acts
def refusal_to_quarantine(staff: User, segment: Segment) -> str:
    if segment.slug == Segment.ADMINISTRATION:
        return _("In quarantine it could not be opened again from here.")
    if segment.state == Segment.State.QUARANTINED:
        return _("Already in quarantine.")
    return refusal_to_touch(staff, segment)


def refusal_to_lift(staff: User, segment: Segment) -> str:
    return refusal_to_touch(staff, segment) if segment.state == Segment.State.QUARANTINED else _("Not in quarantine.")


def refusal_to_touch(staff: User, segment: Segment) -> str:
    return "" if privileges.may_change(staff, segment) else _("It is built in: only a superuser changes it.")


ACTS = (
    Act(
        name="quarantine",
        short_description=gettext_lazy("Quarantine"),
        consequence=gettext_lazy("Nobody enters any more, whatever their grants, from the next request on."),
        keep=gettext_lazy("Leave it open"),
        verb=quarantine.quarantine,
        of="segment",
        refusal=refusal_to_quarantine,
        allowed_permissions=("change",),
        grave=True,
    ),
    Act(
        name="lift_quarantine",
        short_description=gettext_lazy("Lift quarantine"),
        consequence=gettext_lazy("Grants open the segment again, as before."),
        keep=gettext_lazy("Keep the quarantine"),
        verb=quarantine.lift,
        of="segment",
        refusal=refusal_to_lift,
        allowed_permissions=("change",),
    ),
)


# ---------------------------------------------------------------- parts of a segment
class StaffPart(ReadablePage, ChoosingPage, admin.StackedInline):
    """A part whose forms know who of the staff sits before them."""

    extra = 0

    def is_editable(self, request: HttpRequest, obj: Any) -> bool:
        """Where the segment itself can be changed."""
        may = self.has_change_permission(request, obj) or self.has_add_permission(request, obj)
        return may and (obj is None or privileges.may_change(staff_of(request), obj))

    def get_formset(self, request: HttpRequest, obj: Any = None, **kwargs: Any) -> type[Any]:
        formset = super().get_formset(request, obj, **kwargs)
        form = type(formset.form.__name__, (formset.form,), {"staff": staff_of(request)})
        return type(formset.__name__, (formset,), {"form": form})


class ResourcePart(StaffPart):
    model = Resource
    readable = ("methods", "cidrs", "labels")
    methods_in_words = in_words("methods", gettext_lazy("methods"), listed)
    cidrs_in_words = in_words("cidrs", gettext_lazy("addresses"), listed)
    labels_in_words = in_words("labels", gettext_lazy("labels"), words.labelled)
    form = ResourceForm
    formset = ResourceFormSet
    readonly_fields = ("open_to",)
    fieldsets = (
        (None, {"fields": (("kind", "name"), "anonymous", "open_to")}),
        (gettext_lazy("View of this project"), {"fields": ("view",), "classes": ("kind-view",)}),
        (
            gettext_lazy("Web application"),
            {"fields": (("host", "path"), "methods", ("upstream", "case_insensitive")), "classes": ("kind-web",)},
        ),
        (gettext_lazy("Machines or pods"), {"fields": ("cidrs", "namespace", "labels"), "classes": ("kind-workload",)}),
    )

    @admin.display(description=gettext_lazy("open to"))
    def open_to(self, resource: Resource) -> str:
        if resource.anonymous:
            return warning(gettext_lazy("Anonymous: everybody may call it, without signing in."))
        return _("those whom a grant lets in")


class GrantPart(StaffPart):
    model = Grant
    readable = ("actions", "networks", "hours")
    actions_in_words = in_words("actions", gettext_lazy("actions"), listed)
    networks_in_words = in_words("networks", gettext_lazy("networks"), listed)
    hours_in_words = in_words("hours", gettext_lazy("hours"), words.hours)
    form = GrantForm
    formset = PartFormSet
    max_num = 0
    readonly_fields = ("holder", "granted")
    verbose_name_plural = gettext_lazy("grants")
    fieldsets = (
        (None, {"fields": ("holder", "actions", ("not_before", "expires_at"), "reason", "granted")}),
        (
            gettext_lazy("Only from networks, only at hours"),
            {"fields": ("networks", "hours"), "classes": ("collapse",)},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return super().get_queryset(request).select_related("segment", "role", "user", "service_account", "granted_by")

    def has_add_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("for"))
    def holder(self, grant: Grant) -> str:
        if grant._state.adding:  # a forged page, shown again with what is wrong
            return "—"
        return getattr(grant.holder, "subject_id", None) or _("role %(role)s") % {"role": grant.holder}

    @admin.display(description=gettext_lazy("granted"))
    def granted(self, grant: Grant) -> str:
        by = grant.granted_by.subject_id if grant.granted_by else _("the system")
        return _("%(when)s by %(who)s") % {"when": grant.granted_at.strftime("%Y-%m-%d %H:%M %Z"), "who": by}


class NewGrantPart(StaffPart):
    model = Grant
    form = NewGrantForm
    can_delete = False
    verbose_name = gettext_lazy("grant")
    verbose_name_plural = gettext_lazy("new grants")
    autocomplete_fields = ("role", "user", "service_account")
    fieldsets = (
        (None, {"fields": (("role", "user", "service_account"), "actions", ("not_before", "expires_at"), "reason")}),
        (
            gettext_lazy("Only from networks, only at hours"),
            {"fields": ("networks", "hours"), "classes": ("collapse",)},
        ),
    )

    def get_queryset(self, request: HttpRequest) -> QuerySet[Grant]:
        return super().get_queryset(request).none()

    def has_view_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        """There is nothing to see here but empty rows."""
        return False

    def has_change_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, _request: HttpRequest, _obj: Any = None) -> bool:
        return False


# ---------------------------------------------------------------- segments
@admin.register(Segment)
class SegmentAdmin(ReadablePage, ActingAdmin):
    form = SegmentForm
    readable = ("reauth_after", "networks", "hours")
    reauth_after_in_words = in_words("reauth_after", gettext_lazy("verify again after"), words.length)
    networks_in_words = in_words("networks", gettext_lazy("networks"), listed)
    hours_in_words = in_words("hours", gettext_lazy("hours"), words.hours)
    recorded_relations = ("resources", "grants")
    list_display = ("name", "slug", "shown_state", "anonymous", "resource_count", "grant_count")
    list_filter = ("state", "sensitivity", "assurance", "allow_service_accounts")
    search_fields = ("slug", "name", "resources__name", "resources__host", "resources__view")
    search_help_text = gettext_lazy("Search for a segment, or for a resource by name, host or view.")
    autocomplete_fields = ("owners",)
    fieldsets = (
        (None, {"fields": ("name", "slug", "description", "sensitivity", "owners", "shown_state")}),
        (
            gettext_lazy("Who enters must"),
            {"fields": ("assurance", "reauth_after", "networks", "hours", "allow_service_accounts")},
        ),
    )
    inlines = (ResourcePart, GrantPart, NewGrantPart)
    actions = ACTS

    def get_queryset(self, request: HttpRequest) -> QuerySet[Segment]:
        return super().get_queryset(request).annotate(
            resource_count=counted(Resource), grant_count=counted(Grant),
            has_anonymous=Exists(Resource.objects.filter(segment=OuterRef("pk"), anonymous=True)),
        )  # fmt: skip

    def get_readonly_fields(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        own = ("slug", "shown_state") if obj is not None and obj.built_in else ("shown_state",)
        return (*super().get_readonly_fields(request, obj), *own)

    def get_prepopulated_fields(self, request: HttpRequest, obj: Segment | None = None) -> Any:
        return {"slug": ("name",)} if obj is None else {}

    def has_change_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return super().has_change_permission(request, obj) and (
            obj is None or privileges.may_change(staff_of(request), obj)
        )

    def has_delete_permission(self, request: HttpRequest, obj: Segment | None = None) -> bool:
        return super().has_delete_permission(request, obj) and not (obj is not None and obj.built_in)

    @admin.display(description=gettext_lazy("state"), ordering="state")
    def shown_state(self, segment: Segment) -> str:
        quarantined = segment.state == Segment.State.QUARANTINED
        return warning(segment.get_state_display()) if quarantined else segment.get_state_display()

    @admin.display(description=gettext_lazy("resources"), ordering="resource_count")
    def resource_count(self, segment: Segment) -> int:
        return segment.resource_count  # type: ignore[attr-defined]  # annotated above

    @admin.display(description=gettext_lazy("grants"), ordering="grant_count")
    def grant_count(self, segment: Segment) -> int:
        return segment.grant_count  # type: ignore[attr-defined]  # annotated above

    @admin.display(description=gettext_lazy("anonymous"), ordering="has_anonymous")
    def anonymous(self, segment: Segment) -> str:
        return warning(gettext_lazy("anonymous")) if segment.has_anonymous else ""  # type: ignore[attr-defined]  # annotated above


def counted(model: type[Resource] | type[Grant]) -> Coalesce:
    """How many rows of `model` a segment has, by a query of its own: two joins would multiply each other."""
    per_segment = model._default_manager.filter(segment=OuterRef("pk")).order_by().values("segment")
    counts = per_segment.annotate(number=Count("pk")).values("number")
    return Coalesce(Subquery(counts, output_field=IntegerField()), 0)


# ---------------------------------------------------------------- flows and guardrails
@admin.register(Flow)
class FlowAdmin(ReadablePage, RecordedAdmin):
    form = FlowForm
    readable = ("ports",)
    ports_in_words = in_words("ports", gettext_lazy("ports"), listed)
    list_display = ("source", "target", "ports_in_words", "description")
    list_display_links = ("source", "target")
    list_select_related = ("source", "target")
    search_fields = ("source__slug", "source__name", "target__slug", "target__name", "description")
    search_help_text = gettext_lazy("Search for a segment or a description.")
    autocomplete_fields = ("source", "target")
    fieldsets = ((None, {"fields": ("source", "target", "ports", "description")}),)

    def ledger_subject(self, row: Flow) -> str:
        return f"flow:{row.source.slug} → {row.target.slug}"


@admin.register(Guardrail)
class GuardrailAdmin(ReadablePage, RecordedAdmin):
    form = GuardrailForm
    readable = ("question",)
    question_in_words = in_words("question", gettext_lazy("question"), words.asked)
    list_display = ("name", "expect")
    list_filter = ("expect",)
    search_fields = ("name",)
    search_help_text = gettext_lazy("Search for a name.")
    fieldsets = ((None, {"fields": ("name", "expect", "question")}),)
