"""Encrypt every authenticator key with the first key of ZT_FACTOR_KEYS, so that the others can be taken out."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from accounts.authenticators import sealing
from accounts.authenticators.sealing import SealError
from accounts.authenticators.totp import TOTPDevice


class Command(BaseCommand):
    help = "Encrypts every authenticator key with the first key of ZT_FACTOR_KEYS."

    def handle(self, *args: Any, **options: Any) -> None:
        broken = [str(pk) for pk in TOTPDevice.objects.values_list("pk", flat=True).order_by("pk") if not self._rotate(pk)]
        if broken:
            raise CommandError(f"devices that no configured key opens: {', '.join(broken)}. Put their key back into ZT_FACTOR_KEYS.")
        self.stderr.write("Every authenticator key is under the first key now. The others can be taken out of ZT_FACTOR_KEYS.")

    @transaction.atomic
    def _rotate(self, pk: int) -> bool:
        device = TOTPDevice.objects.select_for_update().filter(pk=pk).first()
        if device is None or sealing.is_current(bytes(device.key_encrypted)):
            return True
        try:
            device.set_key(device.key)
        except SealError:
            return False
        device.save(update_fields=["key_encrypted"])
        return True
