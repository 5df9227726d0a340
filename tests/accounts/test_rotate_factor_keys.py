"""After a rotation the old keys can be taken out."""

import secrets

import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import TOTPDevice
from tests import factories

pytestmark = pytest.mark.django_db


def test_rotation_keeps_the_codes_and_frees_the_old_key(settings: Settings) -> None:
    device = factories.app(factories.alice(enrolled=False))
    key, new = device.key, secrets.token_bytes(32)
    settings.ZT_FACTOR_KEYS = [new, *settings.ZT_FACTOR_KEYS]
    call_command("rotate_factor_keys")
    settings.ZT_FACTOR_KEYS = [new]
    assert TOTPDevice.objects.get(pk=device.pk).key == key


def test_second_rotation_changes_nothing() -> None:
    device = factories.app(factories.alice(enrolled=False))
    call_command("rotate_factor_keys")
    assert bytes(TOTPDevice.objects.get(pk=device.pk).key_encrypted) == bytes(device.key_encrypted)


def test_device_whose_key_is_lost_is_named_and_the_others_rotate(settings: Settings) -> None:
    lost = factories.app(factories.alice(enrolled=False))
    new = secrets.token_bytes(32)
    settings.ZT_FACTOR_KEYS = [new]
    kept = factories.app(factories.bob(enrolled=False))
    settings.ZT_FACTOR_KEYS = [secrets.token_bytes(32), new]
    with pytest.raises(CommandError, match=f"no configured key opens the devices {lost.pk}: "):
        call_command("rotate_factor_keys")
    settings.ZT_FACTOR_KEYS = settings.ZT_FACTOR_KEYS[:1]
    assert len(TOTPDevice.objects.get(pk=kept.pk).key) == 20
