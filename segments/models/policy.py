"""The stored policy: segments, their resources and grants, flows between them, and the guardrails kept with them."""

from datetime import timedelta
from ipaddress import ip_network
from typing import Final

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from segments import validation
from segments.policy.model import Assurance as PolicyAssurance
from segments.policy.model import Sensitivity as PolicySensitivity
from segments.policy.model import ViewResource, WebResource, WorkloadResource
from segments.querysets import GrantQuerySet


class Segment(models.Model):
    """The smallest unit of trust. Its requirements can only narrow what grants open."""

    PORTAL: Final = "portal"
    ADMINISTRATION: Final = "administration"

    class Sensitivity(models.TextChoices):
        LOW = PolicySensitivity.LOW.value, _("low")
        MODERATE = PolicySensitivity.MODERATE.value, _("moderate")
        HIGH = PolicySensitivity.HIGH.value, _("high")

    class Assurance(models.TextChoices):
        MFA = PolicyAssurance.MFA.value, _("any second factor")
        PHISHING_RESISTANT = PolicyAssurance.PHISHING_RESISTANT.value, _("passkey or security key")

    class State(models.TextChoices):
        ENFORCED = "enforced", _("enforced")
        QUARANTINED = "quarantined", _("quarantined")

    slug = models.SlugField(_("slug"), unique=True)
    name = models.CharField(_("name"), max_length=150)
    description = models.TextField(_("description"), blank=True)
    sensitivity = models.CharField(_("sensitivity"), max_length=8, choices=Sensitivity, default=Sensitivity.MODERATE)
    state = models.CharField(
        _("state"),
        max_length=11,
        choices=State,
        default=State.ENFORCED,
        help_text=_("Quarantined: nobody enters, at once."),
    )
    assurance = models.CharField(_("assurance"), max_length=18, choices=Assurance, default=Assurance.MFA)
    reauth_after = models.DurationField(
        _("verify again after"),
        null=True,
        blank=True,
        help_text=_("Greatest age of the last second factor, such as 00:15:00."),
    )
    allow_service_accounts = models.BooleanField(_("allow service accounts"), default=False)
    networks = models.JSONField(_("networks"), default=list, blank=True, validators=[validation.validate_networks])
    hours = models.JSONField(_("hours"), null=True, blank=True, validators=[validation.validate_hours])
    owners = models.ManyToManyField(
        settings.AUTH_USER_MODEL, blank=True, related_name="owned_segments", verbose_name=_("owners")
    )
    built_in = models.BooleanField(_("built in"), default=False, editable=False)

    class Meta:
        verbose_name = _("segment")
        verbose_name_plural = _("segments")
        ordering = ("slug",)
        constraints = [
            models.CheckConstraint(
                condition=Q(reauth_after__isnull=True) | Q(reauth_after__gt=timedelta()),
                name="segment_reauth_after_is_positive",
                violation_error_message=_("“Verify again after” must be longer than zero."),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.slug

    def get_absolute_url(self) -> str:
        return reverse("segments:segment", kwargs={"slug": self.slug})


class Resource(models.Model):
    """Something that can be asked for. Belongs to exactly one segment."""

    class Kind(models.TextChoices):
        VIEW = "view", _("view of this project")
        WEB = "web", _("web application")
        WORKLOAD = "workload", _("machines or pods")

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="resources", verbose_name=_("segment"))
    kind = models.CharField(_("kind"), max_length=8, choices=Kind, default=Kind.WEB)
    name = models.CharField(
        _("name"),
        max_length=150,
        unique=True,
        blank=True,
        validators=[RegexValidator(r"^[A-Za-z0-9][A-Za-z0-9_.:*/-]*$")],
        help_text=_("Left empty, a view is named after itself."),
    )
    view = models.CharField(
        _("view"), max_length=150, blank=True, help_text=_("payroll:run, or payroll:* for a whole namespace.")
    )
    host = models.CharField(
        _("host"), max_length=253, blank=True, help_text=_("ledger.example.test, or *.example.test for one label.")
    )
    path = models.CharField(
        _("path"), max_length=1024, blank=True, help_text=_("A prefix that ends at a slash: / or /books.")
    )
    methods = models.JSONField(_("methods"), null=True, blank=True, validators=[validation.validate_methods])
    upstream = models.CharField(  # text: to a field for addresses of the web, a host without a dot is none
        _("upstream"),
        max_length=200,
        blank=True,
        validators=[validation.validate_upstream],
        help_text=_("Where the gateway sends allowed requests: scheme, host and port, such as http://127.0.0.1:9001."),
    )
    case_insensitive = models.BooleanField(_("case-insensitive"), default=False)
    anonymous = models.BooleanField(
        _("anonymous"), default=False, help_text=_("Everybody may call it, without signing in.")
    )
    cidrs = models.JSONField(_("addresses"), default=list, blank=True, validators=[validation.validate_networks])
    namespace = models.CharField(_("namespace"), max_length=63, blank=True)
    labels = models.JSONField(_("labels"), default=dict, blank=True, validators=[validation.validate_labels])

    class Meta:
        verbose_name = _("resource")
        verbose_name_plural = _("resources")
        ordering = ("segment", "name")
        constraints = [
            models.CheckConstraint(
                condition=(Q(kind="view") & ~Q(view="") & Q(host="", path=""))
                | (Q(kind="web", view="") & ~Q(host="") & Q(path__startswith="/"))
                | Q(kind="workload", view="", host="", path="", anonymous=False),
                name="resource_has_the_fields_of_its_kind",
                violation_error_message=_("A view needs a view name, a web application a host and a path."),
            ),
            models.UniqueConstraint(
                fields=["view"],
                condition=Q(kind="view"),
                name="resource_view_once",
                violation_error_message=_("This view already belongs to a segment."),
            ),
        ]

    def __str__(self) -> str:
        return self.name

    def clean(self) -> None:
        if not hasattr(self, "segment"):  # a forged page named another one, which its form says
            return
        if self.kind == self.Kind.VIEW:
            self.name = self.name or self.view
        if self.kind == self.Kind.WEB:
            self.path = self.path or "/"
            self.host = validation.application_host(self.host)
        self._check_value()
        self._check_overlap()

    def value(self) -> ViewResource | WebResource | WorkloadResource:
        """This row as a policy value. Raises ValueError where the row is not one."""
        if self.kind == self.Kind.VIEW:
            return ViewResource(id=self.name, segment=self.segment.slug, view=self.view, anonymous=self.anonymous)
        if self.kind == self.Kind.WORKLOAD:
            return WorkloadResource(
                id=self.name,
                segment=self.segment.slug,
                cidrs=tuple(ip_network(text) for text in self.cidrs),
                namespace=self.namespace,
                labels=tuple(sorted(self.labels.items())),
            )
        return WebResource(
            id=self.name,
            segment=self.segment.slug,
            host=self.host,
            path=self.path,
            methods=None if self.methods is None else frozenset(self.methods),
            anonymous=self.anonymous,
            case_insensitive=self.case_insensitive,
            upstream=self.upstream,
        )

    def _check_value(self) -> None:
        try:
            self.value()
        except ValueError as error:
            raise ValidationError(str(error), code="invalid") from None

    def _check_overlap(self) -> None:
        """The same host and path may be there twice only for different methods."""
        if self.kind != self.Kind.WEB:
            return
        for other in Resource.objects.filter(kind=self.Kind.WEB, host=self.host, path=self.path).exclude(pk=self.pk):
            if self.methods is None or other.methods is None or set(self.methods) & set(other.methods):
                raise ValidationError(
                    _(
                        "%(host)s%(path)s is already the resource “%(other)s” of segment “%(segment)s”: "
                        "change the path or the methods."
                    ),
                    code="overlap",
                    params={"host": self.host, "path": self.path, "other": other.name, "segment": other.segment.slug},
                )


def default_actions() -> list[str]:
    """Least privilege: a grant reads unless it says more."""
    return ["read"]


class Grant(models.Model):
    """Opens one segment to one role, or to one subject, possibly narrowed. Nothing else opens anything."""

    segment = models.ForeignKey(Segment, models.CASCADE, related_name="grants", verbose_name=_("segment"))
    role = models.ForeignKey(
        "accounts.Role", models.PROTECT, null=True, blank=True, related_name="grants", verbose_name=_("role")
    )
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.CASCADE, null=True, blank=True, related_name="grants", verbose_name=_("user")
    )
    service_account = models.ForeignKey(
        "accounts.ServiceAccount",
        models.CASCADE,
        null=True,
        blank=True,
        related_name="grants",
        verbose_name=_("service account"),
    )
    actions = models.JSONField(_("actions"), default=default_actions, validators=[validation.validate_actions])
    networks = models.JSONField(_("networks"), default=list, blank=True, validators=[validation.validate_networks])
    hours = models.JSONField(_("hours"), null=True, blank=True, validators=[validation.validate_hours])
    not_before = models.DateTimeField(_("from"), null=True, blank=True)
    expires_at = models.DateTimeField(_("until"), null=True, blank=True)
    reason = models.CharField(_("reason"), max_length=250, blank=True)
    granted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        editable=False,
        verbose_name=_("granted by"),
    )
    granted_at = models.DateTimeField(_("granted"), default=timezone.now, editable=False)

    objects = GrantQuerySet.as_manager()

    class Meta:
        verbose_name = _("grant")
        verbose_name_plural = _("grants")
        ordering = ("segment", "pk")
        constraints = [
            models.CheckConstraint(
                condition=Q(role__isnull=False, user__isnull=True, service_account__isnull=True)
                | Q(role__isnull=True, user__isnull=False, service_account__isnull=True)
                | Q(role__isnull=True, user__isnull=True, service_account__isnull=False),
                name="grant_has_one_holder",
                violation_error_message=_("Choose exactly one: a role, a user or a service account."),
            ),
            models.CheckConstraint(
                condition=Q(not_before__isnull=True) | Q(expires_at__isnull=True) | Q(not_before__lt=F("expires_at")),
                name="grant_ends_after_it_starts",
                violation_error_message=_("“Until” must be later than “from”."),
            ),
        ]

    def __str__(self) -> str:
        return f"{self.holder} → {self.segment}"

    @property
    def holder(self) -> models.Model:
        holder = self.role or self.user or self.service_account
        assert holder is not None  # a database constraint
        return holder


class Flow(models.Model):
    """Lets workloads of one segment reach named ports of another."""

    source = models.ForeignKey(Segment, models.CASCADE, related_name="flows_out", verbose_name=_("from"))
    target = models.ForeignKey(Segment, models.CASCADE, related_name="flows_in", verbose_name=_("to"))
    ports = models.JSONField(_("ports"), validators=[validation.validate_ports], help_text=_("tcp/5432, udp/4000-4010"))
    description = models.CharField(_("description"), max_length=250, blank=True)

    class Meta:
        verbose_name = _("flow")
        verbose_name_plural = _("flows")
        ordering = ("source", "target")
        constraints = [
            models.UniqueConstraint(
                fields=["source", "target"],
                name="flow_once_a_pair",
                violation_error_message=_("There is already a flow between these segments: add the ports to it."),
            )
        ]

    def __str__(self) -> str:
        return f"{self.source} → {self.target}: {', '.join(self.ports)}"


class Guardrail(models.Model):
    """A policy test kept with the policy: every change that would break it is refused."""

    class Expect(models.TextChoices):
        ALLOW = "allow", _("allow")
        DENY = "deny", _("deny")

    name = models.CharField(_("name"), max_length=150, unique=True)
    expect = models.CharField(_("expect"), max_length=5, choices=Expect)
    question = models.JSONField(_("question"), help_text=_("Who asks for what, how: as in the policy file."))

    class Meta:
        verbose_name = _("guardrail")
        verbose_name_plural = _("guardrails")
        ordering = ("name",)

    def __str__(self) -> str:
        return self.name


class PolicyVersion(models.Model):
    """One row that database triggers move with every change of the stored policy, whoever makes it."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1, validators=[MinValueValidator(1)])
    version = models.BigIntegerField(default=1)
    # Random with every move: a number that was rolled back and given again must not look like the same policy.
    nonce = models.CharField(max_length=32, default="")

    class Meta:
        verbose_name = _("policy version")
        verbose_name_plural = _("policy versions")

    def __str__(self) -> str:
        return str(self.version)
