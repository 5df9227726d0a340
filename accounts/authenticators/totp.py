"""The authenticator app: RFC 6238 codes over a key that is encrypted at rest."""

import re
import secrets
import time
from base64 import b32encode
from typing import Any, Final
from urllib.parse import quote, urlencode

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, TimestampMixin
from django_otp.oath import TOTP

from accounts import sealing
from accounts.authenticators import throttle

CODE: Final = re.compile(r"[0-9]{6}")  # int() would take full-width digits, signs, spaces and underscores as well
KEY_LENGTH: Final = 20  # RFC 4226, section 4: 160 bits
STEP: Final = 30
DIGITS: Final = 6
TOLERANCE: Final = 1  # steps before and after now: clocks differ, people type slowly


class TOTPDevice(TimestampMixin, throttle.ThrottledDevice):
    """An authenticator app. Six digits, 30 seconds, SHA-1: what every app understands."""

    FACTOR: Final = "totp"
    confirmed: bool  # django-otp's field

    key_encrypted = models.BinaryField(_("key"), editable=False)  # see accounts.sealing
    last_step = models.BigIntegerField(_("last used time step"), default=-1, editable=False)

    class Meta(Device.Meta):
        verbose_name = _("authenticator app")
        verbose_name_plural = _("authenticator apps")

    @property
    def owner(self) -> str:
        """Who the key is sealed for: this account and this kind of device."""
        return f"{self.FACTOR}:{self.user_id}"

    @property
    def key(self) -> bytes:
        return sealing.FACTORS.unseal(bytes(self.key_encrypted), owner=self.owner)

    def set_key(self, key: bytes) -> None:
        self.key_encrypted = sealing.FACTORS.seal(key, owner=self.owner)

    @property
    def typed_key(self) -> str:
        """The key as people type it: base32 in groups of four."""
        text = b32encode(self.key).decode()
        return " ".join(text[start : start + 4] for start in range(0, len(text), 4))

    @property
    def config_url(self) -> str:
        """The otpauth URL that authenticator apps read from the QR code."""
        issuer = settings.ZT_ISSUER.replace(":", "")
        label = quote(f"{issuer}:{self.user.get_username()}")
        secret = b32encode(self.key).decode()
        parameters = {"secret": secret, "issuer": issuer, "algorithm": "SHA1", "digits": DIGITS, "period": STEP}
        return f"otpauth://totp/{label}?{urlencode(parameters, quote_via=quote)}"

    @transaction.atomic
    def verify_token(self, token: str) -> bool:
        """Whether `token` is right now and was never used. Counts a wrong one on the account.

        Not a code at all, or the code of another app of the same person, is no guess and is not counted. Called by
        django_otp.verify_token, which holds the row; safe without it.
        """
        if not self.confirmed or not CODE.fullmatch(token):
            return False
        user, now = throttle.lock_account(self.user_id), timezone.now()
        if throttle.locked_until(user, now):
            return False
        if self._use(token):
            throttle.forget_failures(user)
            return True
        if not any(other.matching_step(token) for other in self._siblings()):
            throttle.count_failure(user, now)
        return False

    @transaction.atomic
    def confirm(self, token: str) -> bool:
        """Makes a device that is being enrolled count, if `token` shows that the app holds its key."""
        if self.confirmed or not CODE.fullmatch(token):
            return False
        throttle.lock_account(self.user_id)
        self.confirmed = self._use(token, confirmed=True)
        return self.confirmed

    def matching_step(self, token: str) -> int | None:
        """The time step that `token` is the code of, unless a code of that step or a later one was used before."""
        totp = TOTP(self.key, step=STEP)
        totp.time = time.time()
        return totp.t() if totp.verify(int(token), TOLERANCE, self.last_step + 1) else None

    def _use(self, token: str, **changes: Any) -> bool:
        """Marks the code as used. The condition is on the stored row: of parallel uses exactly one changes it."""
        step = self.matching_step(token)
        if step is None:
            return False
        unused = TOTPDevice.objects.filter(pk=self.pk, confirmed=self.confirmed, last_step__lt=step)
        if not unused.update(last_step=step, last_used_at=timezone.now(), **changes):
            return False
        self.refresh_from_db()
        return True

    def _siblings(self) -> models.QuerySet["TOTPDevice"]:
        return TOTPDevice.objects.filter(user_id=self.user_id, confirmed=True).exclude(pk=self.pk)


@transaction.atomic
def begin_enrolment(user: Any, name: str = "") -> TOTPDevice:
    """A device with a fresh key that does not count until a first code confirms it. Replaces one left unfinished."""
    TOTPDevice.objects.filter(user=user, confirmed=False).delete()
    device = TOTPDevice(user=user, name=name or str(_("Authenticator app")), confirmed=False)
    device.set_key(secrets.token_bytes(KEY_LENGTH))
    device.save()
    return device
