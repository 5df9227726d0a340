"""Deployment mistakes that can be seen from here."""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error

E001: Final = Error(
    "ZT_FACTOR_KEYS, ZT_RECOVERY_KEY and ZT_LEDGER_KEY share a key.",
    hint="Give each its own 32 random bytes: whoever learns one must not hold the others.",
    id="accounts.E001",
)


def keys_are_set_apart(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    keys = [*settings.ZT_FACTOR_KEYS, settings.ZT_RECOVERY_KEY, settings.ZT_LEDGER_KEY]
    return [] if len(set(keys)) == len(keys) else [E001]
