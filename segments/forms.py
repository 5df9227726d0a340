"""Segments, resources, grants, flows and guardrails as staff fill them in."""

from typing import Any, Final

from django import forms
from django.core.exceptions import ValidationError
from django.forms.models import BaseInlineFormSet
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.form_fields import NetworksField
from accounts.models import Role, User
from audit.recorded_admin import RecordedForm
from segments import privileges
from segments.form_fields import (
    ActionsField,
    DurationField,
    HoursField,
    LabelsField,
    MethodsField,
    PortsField,
    QuestionField,
)
from segments.models import Flow, Grant, Guardrail, Resource, Segment, default_actions


class SegmentForm(RecordedForm):
    reauth_after = DurationField(
        label=gettext_lazy("Verify again after"),
        help_text=gettext_lazy("Greatest age of the last second factor, such as 15m or 1h30m. Empty: none."),
    )
    networks = NetworksField(label=gettext_lazy("Networks"))
    hours = HoursField(label=gettext_lazy("Hours"))

    class Meta:
        model = Segment
        fields = (
            "slug", "name", "description", "sensitivity", "owners", "assurance", "reauth_after",
            "allow_service_accounts", "networks", "hours",
        )  # fmt: skip


# ---------------------------------------------------------------- resources
# Only the fields of its kind count in a resource: the page hides the others, and their leftovers are not stored.
OF_KIND: Final = {
    Resource.Kind.VIEW: ("view", "anonymous"),
    Resource.Kind.WEB: ("host", "path", "methods", "upstream", "case_insensitive", "anonymous"),
    Resource.Kind.WORKLOAD: ("cidrs", "namespace", "labels"),
}
BLANK: Final[dict[str, Any]] = {
    "view": "", "host": "", "path": "", "methods": None, "upstream": "", "case_insensitive": False, "anonymous": False,
    "cidrs": [], "namespace": "", "labels": {},
}  # fmt: skip


class ResourceForm(forms.ModelForm):
    staff: User

    methods = MethodsField(label=gettext_lazy("Methods"))
    upstream = forms.CharField(
        label=gettext_lazy("Upstream"),
        required=False,
        max_length=200,
        widget=forms.URLInput(attrs={"class": "vURLField"}),  # the admin's own also renders a link to it
        help_text=gettext_lazy(
            "Where the gateway sends allowed requests: scheme, host and port, such as http://127.0.0.1:9001."
        ),
    )
    cidrs = NetworksField(label=gettext_lazy("Addresses"), help_text=gettext_lazy("One a line, such as 10.30.1.0/24."))
    labels = LabelsField(label=gettext_lazy("Labels"))

    class Meta:
        model = Resource
        fields = (
            "kind", "name", "anonymous", "view", "host", "path", "methods", "upstream", "case_insensitive", "cidrs",
            "namespace", "labels",
        )  # fmt: skip

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        for name, nothing in BLANK.items():
            if name not in OF_KIND.get(cleaned.get("kind", ""), BLANK):
                cleaned[name] = nothing
        if self.has_changed() and "segment" in cleaned:  # absent where a forged page names another one
            self._check_privilege(anonymous=bool(cleaned.get("anonymous")))
        return cleaned

    def _check_privilege(self, *, anonymous: bool) -> None:
        """Against what is stored, too: what is anonymous already is a superuser's to change."""
        was = bool(self.instance.pk and self.initial.get("anonymous"))
        refusal = privileges.refusal_to_change_resource(
            self.staff, self.cleaned_data["segment"], anonymous=anonymous or was
        )
        if refusal:
            raise ValidationError(refusal, code="not_allowed")


class PartFormSet(BaseInlineFormSet):
    """Parts of a segment are removed from it."""

    def add_fields(self, form: forms.ModelForm, index: int | None) -> None:
        super().add_fields(form, index)
        if "DELETE" in form.fields:
            form.fields["DELETE"].label = _("Remove")


class ResourceFormSet(PartFormSet):
    """Resources of one page are compared with each other: what is new is not in the database yet."""

    def clean(self) -> None:
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms and form.is_valid() and form.cleaned_data]
        rows = [form.instance for form in kept]
        for place, form in enumerate(kept):
            for earlier in rows[:place]:
                if collide(form.instance, earlier):
                    form.add_error(None, _("Another row of this page is for the same: change one of them."))


def collide(one: Resource, other: Resource) -> bool:
    """Whether two rows are the same view, or the same host and path with a method in common."""
    if one.kind != other.kind:
        return False
    if one.kind == Resource.Kind.VIEW:
        return one.view == other.view
    same_place = one.kind == Resource.Kind.WEB and (one.host, one.path) == (other.host, other.path)
    return same_place and (one.methods is None or other.methods is None or bool(set(one.methods) & set(other.methods)))


# ---------------------------------------------------------------- grants
class GrantForm(forms.ModelForm):
    """An existing grant: for whom stays, how far it opens can change."""

    staff: User

    actions = ActionsField(label=gettext_lazy("Actions"), initial=default_actions)
    networks = NetworksField(label=gettext_lazy("Networks"))
    hours = HoursField(label=gettext_lazy("Hours"))

    class Meta:
        model = Grant
        fields = ("actions", "not_before", "expires_at", "reason", "networks", "hours")

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        if self.has_changed():
            self._check_window(cleaned)
            self._check_holders(cleaned)
        return cleaned

    def _check_window(self, cleaned: dict[str, Any]) -> None:
        expires_at = cleaned.get("expires_at")
        if "expires_at" in self.changed_data and expires_at is not None and expires_at <= timezone.now():
            self.add_error(
                "expires_at", _("This time is over: choose a later one, or remove the grant to close it now.")
            )

    def _check_holders(self, _cleaned: dict[str, Any]) -> None:
        if self.instance.pk:  # absent where a forged page names a grant of another segment
            self.check_holder(self.instance.holder)

    def check_holder(self, holder: Any) -> None:
        if refusal := privileges.refusal_to_grant(self.staff, holder):
            raise ValidationError(refusal, code="not_allowed")


class NewGrantForm(GrantForm):
    class Meta:
        model = Grant
        fields = ("role", "user", "service_account", *GrantForm.Meta.fields)

    def _check_holders(self, cleaned: dict[str, Any]) -> None:
        holders = [found for name in ("role", "user", "service_account") if (found := cleaned.get(name))]
        if len(holders) != 1 and not self.errors:
            raise ValidationError(_("Choose exactly one: a role, a user or a service account."), code="one_holder")
        for holder in holders:
            self.check_holder(holder)

    def save(self, commit: bool = True) -> Grant:  # noqa: FBT001, FBT002 (Django's signature)
        self.instance.granted_by = self.staff
        return super().save(commit)


# ---------------------------------------------------------------- flows and guardrails
class FlowForm(RecordedForm):
    ports = PortsField(label=gettext_lazy("Ports"))

    class Meta:
        model = Flow
        fields = ("source", "target", "ports", "description")


class GuardrailForm(RecordedForm):
    question = QuestionField(
        label=gettext_lazy("Question"),
        help_text=gettext_lazy(
            "Who asks for what, and how, as in the policy file: role: contractor, and below it segment: finance."
        ),
    )

    class Meta:
        model = Guardrail
        fields = ("name", "expect", "question")

    def clean_question(self) -> dict[str, Any]:
        """A question about nobody, or about nothing, would always be answered as hoped."""
        question: dict[str, Any] = self.cleaned_data["question"]
        for key, known in (("role", Role), ("segment", Segment)):
            slug = question.get(key)
            if slug is not None and not known._default_manager.filter(slug=slug).exists():
                self.add_error("question", _("There is no %(key)s “%(slug)s”.") % {"key": key, "slug": slug})
        if "user" in question and not User.objects.filter(username=question["user"]).exists():
            self.add_error("question", _("There is no user “%s”.") % question["user"])
        return question
