"""Recovery codes: used once, kept only as keyed hashes."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, TimestampMixin


class RecoveryCodeDevice(TimestampMixin, Device):
    """A person's set of recovery codes."""

    FACTOR: Final = "recovery"

    class Meta(Device.Meta):
        verbose_name = _("set of recovery codes")
        verbose_name_plural = _("sets of recovery codes")


class RecoveryCode(models.Model):
    """One code, kept as HMAC-SHA256 under ZT_RECOVERY_KEY."""

    device = models.ForeignKey(RecoveryCodeDevice, models.CASCADE, related_name="codes", verbose_name=_("set"))
    code_hash = models.CharField(_("hash"), max_length=64)
    used_at = models.DateTimeField(_("used"), null=True)

    class Meta:
        verbose_name = _("recovery code")
        verbose_name_plural = _("recovery codes")
        constraints = [models.UniqueConstraint(fields=["device", "code_hash"], name="recovery_code_once_a_set")]

    def __str__(self) -> str:
        return f"{self.device_id}:{self.pk}"
