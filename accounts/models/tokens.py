"""What systems prove themselves with."""

from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import ServiceAccount, User


class ServiceToken(models.Model):
    """A token of a service account. The token itself is told once and never stored, only its SHA-256."""

    service_account = models.ForeignKey(
        ServiceAccount, models.CASCADE, related_name="tokens", verbose_name=_("service account")
    )
    key_hash = models.CharField(max_length=64, unique=True, validators=[RegexValidator(r"^[0-9a-f]{64}$")])
    hint = models.CharField(_("begins with"), max_length=16)
    networks = models.JSONField(_("networks"), default=list, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    created_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("created by")
    )
    expires_at = models.DateTimeField(_("until"))
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)
    last_used_address = models.GenericIPAddressField(_("last used from"), null=True, blank=True)
    revoked_at = models.DateTimeField(_("revoked"), null=True, blank=True)
    revoked_by = models.ForeignKey(
        User, models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("revoked by")
    )

    replaced_by = models.ForeignKey(
        "self", models.SET_NULL, null=True, blank=True, related_name="+", verbose_name=_("replaced by")
    )

    class Meta:
        verbose_name = _("service token")
        verbose_name_plural = _("service tokens")
        ordering = ("-created_at", "-pk")
        default_permissions = ("add", "view")

    def __str__(self) -> str:
        return f"{self.hint}… · {self.service_account}"

    def is_good(self, at: datetime) -> bool:
        """Whether it proves anything at `at`. The window excludes its end."""
        return self.revoked_at is None and at < self.expires_at
