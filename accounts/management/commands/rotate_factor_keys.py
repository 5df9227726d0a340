"""Encrypt every authenticator key with the first key of ZT_FACTOR_KEYS, so that the others can be taken out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts import sealing
from accounts.authenticators.totp import TOTPDevice
from accounts.sealing import SealError


class Command(BaseCommand):
    help = "Encrypts every authenticator key with the first key of ZT_FACTOR_KEYS."

    def handle(self, *_args: Any, **_options: Any) -> None:
        devices = TOTPDevice.objects.order_by("pk").values_list("pk", flat=True)
        broken = [str(pk) for pk in devices if not self._rotate(pk)]
        if broken:
            raise CommandError(
                f"no configured key opens the devices {', '.join(broken)}: put the key they were sealed with back into "
                "ZT_FACTOR_KEYS, or reset the factors of their owners"
            )
        self.stderr.write("Every authenticator key is under the first key now: take the others out of ZT_FACTOR_KEYS.")

    @transaction.atomic
    def _rotate(self, pk: int) -> bool:
        device = TOTPDevice.objects.select_for_update().filter(pk=pk).first()
        if device is None or sealing.FACTORS.is_current(bytes(device.key_encrypted)):
            return True
        try:
            device.set_key(device.key)
        except SealError:
            return False
        device.save(update_fields=["key_encrypted"])
        return True
