"""Codes of the authenticator app: right, now, once, and of nobody else."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import django_otp
import pytest
import time_machine
from django_otp.models import VerifyNotAllowed
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.authenticators import totp
from accounts.authenticators.totp import TOTPDevice
from accounts.models import User
from accounts.sealing import SealError
from tests import factories

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)


@pytest.fixture
def alice() -> User:
    return factories.alice(enrolled=False)


@pytest.fixture
def app(alice: User) -> TOTPDevice:
    return factories.app(alice)


def verify(device: TOTPDevice, code: str) -> bool:
    """As the sign-in asks; the throttle is looked at elsewhere."""
    User.objects.filter(pk=device.user_id).update(factor_failures=0, factor_failed_at=None)
    return django_otp.verify_token(device.user, device.persistent_id, code) is not None


@pytest.mark.parametrize(("steps", "accepted"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_one_step_of_the_clock_is_forgiven(app: TOTPDevice, steps: int, accepted: bool) -> None:
    with time_machine.travel(NOW, tick=False):
        assert verify(app, factories.code(app, steps=steps)) is accepted


def test_rfc_6238_test_vectors(app: TOTPDevice) -> None:
    """Appendix B, SHA-1, the last six of its eight digits."""
    app.set_key(b"12345678901234567890")
    app.save()
    for moment, code in [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037")]:
        with time_machine.travel(datetime.fromtimestamp(moment, UTC), tick=False):
            assert verify(app, code)


def test_code_is_accepted_once_and_no_older_one_after_it(app: TOTPDevice) -> None:
    with time_machine.travel(NOW, tick=False):
        now, before, after = (factories.code(app, steps=steps) for steps in (0, -1, 1))
        assert verify(app, now)
        assert not verify(app, now)
        assert not verify(app, before)
        assert verify(app, after)


def test_stale_object_in_memory_cannot_use_a_code_again(app: TOTPDevice) -> None:
    stale = TOTPDevice.objects.get(pk=app.pk)
    code = factories.code(app)
    assert app.verify_token(code)
    assert not stale.verify_token(code)


@given(st.text(max_size=12).filter(lambda text: not (len(text) == 6 and text.isascii() and text.isdigit())))
def test_only_six_ascii_digits_are_a_code(text: str) -> None:
    assert not totp.CODE.fullmatch(text)


@pytest.mark.parametrize(
    "text", ["１２３４５６", "١٢٣٤٥٦", "123_456", "+23456", " 23456", "12345", "1234567", "12345\n", ""]
)
def test_what_is_no_code_is_refused_and_not_counted(app: TOTPDevice, text: str) -> None:
    assert not verify(app, text)
    assert User.objects.get(pk=app.user_id).factor_failures == 0


def test_code_of_another_person_is_refused(app: TOTPDevice) -> None:
    bobs = factories.app(factories.bob(enrolled=False))
    assert not verify(app, factories.code(bobs))
    assert django_otp.verify_token(app.user, bobs.persistent_id, factories.code(bobs)) is None
    assert verify(bobs, factories.code(bobs))


def test_unconfirmed_app_never_verifies(alice: User) -> None:
    device = factories.app(alice, confirmed=False)
    code = factories.code(device)
    assert not verify(device, code)
    assert not django_otp.user_has_device(alice)
    assert device.confirm(code)
    assert django_otp.user_has_device(alice)
    assert not verify(device, code)  # the code that confirmed is used
    assert verify(device, factories.code(device, steps=1))


def test_confirming_takes_the_right_code_and_only_once(alice: User) -> None:
    device = factories.app(alice, confirmed=False)
    for wrong in (factories.wrong_code(device), "", "abcdef"):
        assert not device.confirm(wrong)
        device.refresh_from_db()
        assert not device.confirmed
    assert device.confirm(factories.code(device))
    assert not device.confirm(factories.code(device, steps=1))


def test_beginning_again_replaces_what_was_left_unfinished(alice: User) -> None:
    first = totp.begin_enrolment(alice)
    second = totp.begin_enrolment(alice, "tablet")
    assert list(TOTPDevice.objects.filter(user=alice)) == [second]
    assert first.key != second.key
    assert (len(second.key), second.name, second.confirmed) == (20, "tablet", False)


def test_key_is_not_stored_in_clear_and_cannot_be_moved(app: TOTPDevice) -> None:
    stored = bytes(TOTPDevice.objects.values_list("key_encrypted", flat=True).get(pk=app.pk))
    assert app.key not in stored
    bobs = factories.app(factories.bob(enrolled=False))
    bobs.key_encrypted = stored
    with pytest.raises(SealError):
        _ = bobs.key


def test_wrong_code_locks_every_app_of_the_person(app: TOTPDevice) -> None:
    with time_machine.travel(NOW, tick=False):
        assert app.verify_is_allowed() == (True, None)
        assert not app.verify_token(factories.wrong_code(app))
        locked = {
            "reason": VerifyNotAllowed.N_FAILED_ATTEMPTS,
            "failure_count": 1,
            "locked_until": NOW + timedelta(seconds=1),
        }
        assert app.verify_is_allowed() == (False, locked)
        assert factories.app(app.user, "tablet").verify_is_allowed() == (False, locked)
        assert not app.verify_token(factories.code(app))  # right, and not looked at
    with time_machine.travel(NOW + timedelta(seconds=1), tick=False):
        assert app.verify_is_allowed() == (True, None)
        assert app.verify_token(factories.code(app))
    assert User.objects.get(pk=app.user_id).factor_failures == 0


def test_django_otp_finds_the_right_one_of_several_devices(alice: User) -> None:
    factories.recovery_codes(alice)
    phone, tablet = factories.app(alice, "phone"), factories.app(alice, "tablet")
    assert django_otp.match_token(alice, factories.code(tablet)) == tablet
    assert django_otp.match_token(alice, factories.code(phone)) == phone
    assert django_otp.match_token(alice, factories.recovery_codes(alice)[0]) is not None
    alice.refresh_from_db()
    assert alice.factor_failures == 0
    assert django_otp.match_token(alice, factories.wrong_code(phone)) is None
    alice.refresh_from_db()
    assert alice.factor_failures == 1


def test_address_for_the_qr_code(app: TOTPDevice, settings: Settings) -> None:
    settings.ZT_ISSUER = "Acme & Sons"
    app.set_key(b"12345678901234567890")
    found = urlsplit(app.config_url)
    assert (found.scheme, found.netloc, found.path) == ("otpauth", "totp", "/Acme%20%26%20Sons%3Aalice")
    assert parse_qs(found.query) == {
        "secret": ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"],
        "issuer": ["Acme & Sons"],
        "algorithm": ["SHA1"],
        "digits": ["6"],
        "period": ["30"],
    }
    assert app.typed_key == "GEZD GNBV GY3T QOJQ GEZD GNBV GY3T QOJQ"
