"""Recovery codes: used once, kept only as keyed hashes."""

import hmac
import re
import secrets
from base64 import b32encode
from typing import Any, Final

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, TimestampMixin

from accounts.authenticators import throttle

COUNT: Final = 10
RANDOM_BYTES: Final = 15  # 120 bits: above the 112 of ASVS 6.5.2 and NIST SP 800-63B, and 24 characters without padding
CODE: Final = re.compile(r"[A-Z2-7]{24}")
SEPARATORS: Final = re.compile(r"[ -]")
LONGEST_TYPED: Final = 60


class RecoveryCodeDevice(TimestampMixin, throttle.ThrottledDevice):
    """A person's set of recovery codes."""

    FACTOR: Final = "recovery"

    # When the person said that the codes are kept. Until then each sign-in offers a new set.
    saved_at = models.DateTimeField(_("saved"), null=True, editable=False)

    class Meta(Device.Meta):
        verbose_name = _("set of recovery codes")
        verbose_name_plural = _("sets of recovery codes")

    @property
    def left(self) -> int:
        """How many codes are unused."""
        return self.codes.filter(used_at__isnull=True).count()

    @transaction.atomic
    def verify_token(self, token: str) -> bool:
        """Whether `token` is an unused code of this set; it is used then. Counts a wrong one on the account.

        Six digits belong to the authenticator app and are no guess at a recovery code.
        """
        if not self.confirmed or (token.isdecimal() and len(token) == 6):
            return False
        user, now = throttle.lock_account(self.user_id), timezone.now()
        if throttle.locked_until(user, now):
            return False
        if not self._use(token):
            throttle.count_failure(user, now)
            return False
        throttle.forget_failures(user)
        self.set_last_used_timestamp()
        return True

    def _use(self, token: str) -> bool:
        """One indexed look-up; the condition is on the stored row: of parallel uses exactly one changes it."""
        code = as_stored(token)
        if code is None:
            return False
        unused = self.codes.filter(code_hash=code_hash(self.pk, code), used_at__isnull=True)
        return unused.update(used_at=timezone.now()) == 1


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


@transaction.atomic
def issue(user: Any) -> tuple[str, ...]:
    """Ten fresh codes, told here and never again. Those that the person had are void.

    The set stays the same device: whoever came in with one of its codes remains verified.
    """
    throttle.lock_account(user.pk)
    name = str(_("Recovery codes"))
    device = RecoveryCodeDevice.objects.filter(user=user).first() or RecoveryCodeDevice(user=user, name=name)
    device.confirmed, device.saved_at = True, None
    device.save()
    RecoveryCode.objects.filter(device__user=user).delete()
    codes = tuple(b32encode(secrets.token_bytes(RANDOM_BYTES)).decode() for _number in range(COUNT))
    hashes = (code_hash(device.pk, code) for code in codes)
    RecoveryCode.objects.bulk_create(RecoveryCode(device=device, code_hash=hashed) for hashed in hashes)
    return tuple("-".join(code[start : start + 4] for start in range(0, len(code), 4)) for code in codes)


def acknowledge(user: Any) -> None:
    """The person says that the codes are kept."""
    RecoveryCodeDevice.objects.filter(user=user, saved_at__isnull=True).update(saved_at=timezone.now())


def has_saved(user: Any) -> bool:
    """Whether `user` keeps codes of which at least one is unused."""
    unused = RecoveryCode.objects.filter(device__user=user, device__confirmed=True, used_at__isnull=True)
    return unused.filter(device__saved_at__isnull=False).exists()


def as_stored(typed: str) -> str | None:
    """A typed code without case and separators; None when it cannot be a code."""
    code = SEPARATORS.sub("", typed[: LONGEST_TYPED + 1].upper())
    return code if CODE.fullmatch(code) else None


def code_hash(device_id: int, code: str) -> str:
    return hmac.digest(settings.ZT_RECOVERY_KEY, f"{device_id}:{code}".encode(), "sha256").hex()
