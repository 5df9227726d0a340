"""Recovery codes: each works once, and nothing that is stored tells them."""

from base64 import b32decode

import django_otp
import pytest
from django.core import serializers
from pytest_django import Settings

from accounts.authenticators import recovery
from accounts.authenticators.recovery import RecoveryCode, RecoveryCodeDevice
from accounts.models import User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def alice() -> User:
    return factories.alice(enrolled=False)


def verify(user: User, code: str) -> bool:
    User.objects.update(factor_failures=0, factor_failed_at=None)
    device = RecoveryCodeDevice.objects.get(user=user)
    return django_otp.verify_token(user, device.persistent_id, code) is not None


def test_ten_different_codes_of_at_least_112_random_bits(alice: User) -> None:
    codes = recovery.issue(alice)
    plain = [b32decode(code.replace("-", "")) for code in codes]
    assert len(set(plain)) == 10
    assert all(len(bits) * 8 >= 112 for bits in plain)
    assert all(len(group) == 4 for code in codes for group in code.split("-"))


def test_each_code_works_once(alice: User) -> None:
    codes = recovery.issue(alice)
    for code in codes:
        assert verify(alice, code)
        assert not verify(alice, code)
    assert RecoveryCodeDevice.objects.get(user=alice).left == 0


@pytest.mark.parametrize(
    "typed",
    [str.lower, lambda code: code.replace("-", ""), lambda code: code.replace("-", " "), lambda code: f" {code} "],
)
def test_case_and_separators_do_not_matter(alice: User, typed: object) -> None:
    assert verify(alice, typed(recovery.issue(alice)[3]))  # type: ignore[operator]


def test_code_of_another_person_or_of_an_older_set_is_refused(alice: User) -> None:
    bob = factories.bob(enrolled=False)
    bobs, old = recovery.issue(bob), recovery.issue(alice)
    new = recovery.issue(alice)
    assert not verify(alice, bobs[0])
    assert not verify(alice, old[0])
    assert verify(alice, new[0])
    assert verify(bob, bobs[0])


@pytest.mark.parametrize(
    "text", ["%", "_" * 24, "' OR '1'='1", "A" * 23, "A" * 25, "0189" * 6, "Ａ" * 24, "", "A" * 10**6, "\0"]
)
def test_what_is_no_code_is_refused_and_counted(alice: User, text: str) -> None:
    recovery.issue(alice)
    assert not verify(alice, text)
    alice.refresh_from_db()
    assert alice.factor_failures == 1


def test_code_of_the_app_is_no_guess_at_a_recovery_code(alice: User) -> None:
    recovery.issue(alice)
    assert not verify(alice, "123456")
    alice.refresh_from_db()
    assert alice.factor_failures == 0


def test_unconfirmed_set_never_verifies(alice: User) -> None:
    codes = recovery.issue(alice)
    RecoveryCodeDevice.objects.update(confirmed=False)
    assert not verify(alice, codes[0])
    RecoveryCodeDevice.objects.update(confirmed=True)
    assert verify(alice, codes[0])


def test_only_hashes_under_the_pepper_and_the_set_are_stored(alice: User, settings: Settings) -> None:
    code = recovery.issue(alice)[0].replace("-", "")
    dump = serializers.serialize("json", [*RecoveryCode.objects.all(), *RecoveryCodeDevice.objects.all()])
    assert code not in dump
    device = RecoveryCodeDevice.objects.get(user=alice)
    stored = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert recovery.code_hash(device.pk, code) in stored
    assert recovery.code_hash(device.pk + 1, code) not in stored
    settings.ZT_RECOVERY_KEY = b"another key of thirty-two bytes."
    assert recovery.code_hash(device.pk, code) not in stored


def test_codes_count_as_kept_while_one_is_unused(alice: User) -> None:
    codes = recovery.issue(alice)
    assert not recovery.has_saved(alice)
    recovery.acknowledge(alice)
    assert recovery.has_saved(alice)
    for code in codes:
        verify(alice, code)
    assert not recovery.has_saved(alice)
