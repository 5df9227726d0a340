"""Deployment mistakes that can be seen from here."""

from collections.abc import Sequence
from typing import Any, Final

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.utils.module_loading import import_string

E001: Final = Error(
    "ZT_FACTOR_KEYS, ZT_RECOVERY_KEY, ZT_LEDGER_KEY and ZT_ASSERTION_KEYS share a key.",
    hint="Give each its own 32 random bytes: whoever learns one must not hold the others.",
    id="accounts.E001",
)
E002: Final = Error(
    "SESSION_ENGINE is not accounts.sessions.",
    hint="Other engines store keys in clear, or cannot end a session on the server: use `accounts.sessions`.",
    id="accounts.E002",
)
E003: Final = Error(
    "MIDDLEWARE has Django's cache middleware.",
    hint="A shared cache hands one person's page to another: take django.middleware.cache out.",
    id="accounts.E003",
)
E004: Final = Error(
    "The first of PASSWORD_HASHERS does not read whole passwords.",
    hint="Plain bcrypt stops at 72 bytes: use django.contrib.auth.hashers.BCryptSHA256PasswordHasher.",
    id="accounts.E004",
)
E005: Final = Error(
    "MIDDLEWARE lacks django_otp.middleware.OTPMiddleware after AuthenticationMiddleware.",
    hint="Without it nobody is ever verified.",
    id="accounts.E005",
)
E006: Final = Error(
    "ZT_RETURN_HOSTS names nothing that can be imported and called.",
    hint="Give the dotted name of a function that returns the hosts of registered applications, or leave it empty.",
    id="accounts.E006",
)

CACHES: Final = ("django.middleware.cache.UpdateCacheMiddleware", "django.middleware.cache.FetchFromCacheMiddleware")
WHOLE: Final = ("BCryptSHA256PasswordHasher", "Argon2PasswordHasher", "ScryptPasswordHasher", "PBKDF2PasswordHasher")
IN_ORDER: Final = ["django.contrib.auth.middleware.AuthenticationMiddleware", "django_otp.middleware.OTPMiddleware"]


def keys_are_set_apart(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    keys = [
        *settings.ZT_FACTOR_KEYS,
        settings.ZT_RECOVERY_KEY,
        settings.ZT_LEDGER_KEY,
        *settings.ZT_ASSERTION_KEYS,
    ]
    return [] if len(set(keys)) == len(keys) else [E001]


def sign_in_is_whole(app_configs: Sequence[Any] | None, **kwargs: Any) -> list[CheckMessage]:
    """Settings without which the sign-in promises what it does not hold."""
    found = []
    if settings.SESSION_ENGINE != "accounts.sessions":
        found.append(E002)
    if set(CACHES) & set(settings.MIDDLEWARE):
        found.append(E003)
    if settings.PASSWORD_HASHERS[0].rpartition(".")[2] not in WHOLE:
        found.append(E004)
    if [name for name in settings.MIDDLEWARE if name in IN_ORDER] != IN_ORDER:
        found.append(E005)
    if not _return_hosts_can_be_called():
        found.append(E006)
    return list(found)


def _return_hosts_can_be_called() -> bool:
    name = settings.ZT_RETURN_HOSTS
    try:
        return not name or callable(import_string(name))
    except ImportError:
        return False
