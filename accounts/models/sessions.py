"""Sessions: one of the portal for each browser, and one for each application host that it went to from there."""

import uuid
from datetime import datetime

from django.core.validators import RegexValidator
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from accounts.models.people import User
from accounts.querysets import SessionQuerySet

SHA256 = RegexValidator(r"^[0-9a-f]{64}$")


class Session(models.Model):
    """One browser's sign-in. The key itself is never stored, only its SHA-256."""

    key_hash = models.CharField(max_length=64, primary_key=True, validators=[SHA256])
    # Stays the same while the key is rotated: what belongs to the session refers to it by this.
    sid = models.UUIDField(_("number"), default=uuid.uuid4, unique=True, editable=False)
    session_data = models.TextField(_("session data"))
    expire_date = models.DateTimeField(_("expires"), db_index=True)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="sessions", verbose_name=_("user"))
    # [{"factor": "totp", "at": ISO 8601, "device": django-otp's persistent id}, …], newest last
    verifications = models.JSONField(_("second factors"), default=list, blank=True)
    address = models.GenericIPAddressField(_("address"), null=True)
    browser = models.CharField(_("browser"), max_length=250, blank=True)
    created_at = models.DateTimeField(_("created"), default=timezone.now)
    last_seen_at = models.DateTimeField(_("last seen"), default=timezone.now)
    ended_at = models.DateTimeField(_("ended"), null=True)

    objects = SessionQuerySet.as_manager()

    class Meta:
        verbose_name = _("session")
        verbose_name_plural = _("sessions")
        ordering = ("-last_seen_at",)

    def __str__(self) -> str:
        return f"{self.user or _('nobody')} · {self.created_at:%Y-%m-%d %H:%M}"

    @property
    def application_hosts(self) -> list[str]:
        """The hosts of the applications that were opened from this session."""
        return sorted({application.host for application in self.applications.all()})


class ApplicationSession(models.Model):
    """What a browser is known by on one application host. Opens that host alone, and ends with the portal's session."""

    key_hash = models.CharField(max_length=64, primary_key=True, validators=[SHA256])
    session = models.ForeignKey(
        Session, models.CASCADE, to_field="sid", related_name="applications", verbose_name=_("session")
    )
    host = models.CharField(_("host"), max_length=253)
    created_at = models.DateTimeField(_("created"), default=timezone.now)

    class Meta:
        verbose_name = _("application session")
        verbose_name_plural = _("application sessions")
        ordering = ("-created_at",)
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.host} · {self.created_at:%Y-%m-%d %H:%M}"


class ApplicationTicket(models.Model):
    """Carries a session of the portal to one application host: once, soon, and in the browser that asked for it."""

    key_hash = models.CharField(max_length=64, primary_key=True, validators=[SHA256])
    session = models.ForeignKey(Session, models.CASCADE, to_field="sid", related_name="+", verbose_name=_("session"))
    host = models.CharField(_("host"), max_length=253)
    challenge = models.CharField(_("hash of what the browser keeps"), max_length=64, validators=[SHA256])
    target = models.TextField(_("where the person wants to go"))
    expires_at = models.DateTimeField(_("expires"), db_index=True)

    class Meta:
        verbose_name = _("application ticket")
        verbose_name_plural = _("application tickets")
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.host} · {self.expires_at:%Y-%m-%d %H:%M}"

    def is_good(self, at: datetime) -> bool:
        return at < self.expires_at
