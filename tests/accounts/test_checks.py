"""Deployment mistakes are found before the first request."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts import checks
from accounts.checks import E001, E002, E003, E004, E005, E006


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("SESSION_ENGINE", "django.contrib.sessions.backends.signed_cookies", E002),
        ("MIDDLEWARE", [*checks.IN_ORDER, checks.CACHES[1]], E003),
        ("PASSWORD_HASHERS", ["django.contrib.auth.hashers.BCryptPasswordHasher"], E004),
        ("MIDDLEWARE", checks.IN_ORDER[:1], E005),
        ("MIDDLEWARE", checks.IN_ORDER[::-1], E005),
        ("ZT_RETURN_HOSTS", "segments.nowhere", E006),
    ],
)
def test_mistake_is_named(name: str, value: Any, expected: object, settings: Settings) -> None:
    assert checks.sign_in_is_whole(None) == []
    setattr(settings, name, value)
    assert checks.sign_in_is_whole(None) == [expected]


def test_shared_keys_are_named(settings: Settings) -> None:
    assert checks.keys_are_set_apart(None) == []
    settings.ZT_RECOVERY_KEY = settings.ZT_LEDGER_KEY
    assert checks.keys_are_set_apart(None) == [E001]
