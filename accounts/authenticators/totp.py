"""The authenticator app: RFC 6238 codes over a key that is encrypted at rest."""

from typing import Final

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, TimestampMixin


class TOTPDevice(TimestampMixin, Device):
    """An authenticator app. Six digits, 30 seconds, SHA-1: what every app understands."""

    FACTOR: Final = "totp"

    key_encrypted = models.BinaryField(_("key"), editable=False)  # see accounts.authenticators.sealing
    last_step = models.BigIntegerField(_("last used time step"), default=-1, editable=False)

    class Meta(Device.Meta):
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")
