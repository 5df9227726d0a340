"""The keys that sign who is asking."""

from django.db import models
from django.utils.translation import gettext_lazy as _


class AssertionKey(models.Model):
    """A P-256 key pair. Published before it signs and for as long as what it signed may still be shown."""

    kid = models.CharField(_("key id"), max_length=43, primary_key=True)  # RFC 7638 thumbprint of the public key
    public_key = models.JSONField(_("public key"))  # JWK, RFC 7517
    private_key_sealed = models.BinaryField(_("private key, sealed"))
    created_at = models.DateTimeField(_("created"))
    signs_from = models.DateTimeField(_("signs from"))
    published_until = models.DateTimeField(_("published until"), null=True, blank=True)  # None: not replaced yet

    class Meta:
        verbose_name = _("assertion key")
        verbose_name_plural = _("assertion keys")
        ordering = ("-signs_from",)
        default_permissions = ()

    def __str__(self) -> str:
        return self.kid
