"""otp-input: what is typed where six digits are asked for."""

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.test import Client

from accounts.models import Session, TOTPDevice, User
from tests import factories
from tests.accounts.cases import cases, expanded, scenario

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def time_stands_still() -> Iterator[None]:
    with time_machine.travel("2026-11-24T12:00:10Z", tick=False):
        yield


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def phone(alice: User) -> TOTPDevice:
    return TOTPDevice.objects.get(user=alice)


@pytest.fixture
def half(alice: User) -> Client:
    """alice's browser after the password."""
    browser = factories.browser()
    factories.enter_password(browser, alice)
    return browser


def is_in(browser: Client) -> bool:
    return SESSION_KEY in browser.session and browser.get("/account/").status_code == 200


def typed(text: str, device: TOTPDevice, offset: int = 0) -> str:
    """A code of the corpus with its placeholders filled."""
    code = factories.code(device, steps=offset)
    filled = {
        "current": code,
        "c3": code[:3],
        "c3b": code[3:],
        "wrong": factories.wrong_code(device),
        "fullwidth": "".join(chr(ord(digit) + 0xFEE0) for digit in code),
        "arabic": "".join(chr(ord(digit) + 0x0630) for digit in code),
    }
    return re.sub(r"\{(\w+)\}", lambda found: filled[found[1]], expanded(text))


def test_control_the_right_code_lets_in(half: Client, phone: TOTPDevice) -> None:
    assert half.post("/login/verify/", {"code": factories.code(phone)}).status_code == 302
    assert is_in(half)


@cases("otp-input", having="code")
def test_code_is_refused_and_the_right_one_still_works(case: dict[str, Any], half: Client, phone: TOTPDevice) -> None:
    given = case["input"]
    if given.get("replay"):
        return replayed(given, half, phone)
    answer = half.post("/login/verify/", {"code": typed(given["code"], phone, given.get("code_offset", 0))})
    assert (answer.status_code, is_in(half)) == (200, False)
    assert 'aria-invalid="true"' in answer.content.decode()
    User.objects.update(factor_failures=0, factor_failed_at=None)
    assert half.post("/login/verify/", {"code": factories.code(phone)}).status_code == 302
    assert is_in(half)
    return None


def replayed(given: dict[str, Any], half: Client, phone: TOTPDevice) -> None:
    """The code that signed in is tried again: in another browser, or to step up in the same one."""
    code = factories.code(phone)
    assert half.post("/login/verify/", {"code": code}).status_code == 302
    other = half
    if given.get("other_session"):
        other = factories.browser()
        factories.enter_password(other, phone.user)
    before = Session.objects.values_list("verifications", flat=True)
    answer = other.post("/login/verify/?next=/account/codes/", {"code": code})
    assert (answer.status_code, "That code did not work" in answer.content.decode()) == (200, True)
    assert list(Session.objects.values_list("verifications", flat=True)) == list(before)
    assert is_in(other) is (other is half)


@cases("otp-input", having="json")
def test_json_is_refused_unread(case: dict[str, Any], half: Client, phone: TOTPDevice) -> None:
    values = case["input"]["json"]["code"]
    body = {"code": [typed(value, phone) for value in values] if isinstance(values, list) else values}
    answer = half.post("/login/verify/", body, content_type="application/json")
    assert (answer.status_code, answer.content.decode(), is_in(half)) == (415, "This page takes a form.", False)
    assert User.objects.get(username="alice").factor_failures == 0


@cases("otp-input", having="form")
def test_form_is_refused(case: dict[str, Any], half: Client, phone: TOTPDevice) -> None:
    bob = TOTPDevice.objects.get(user=factories.bob())
    text = case["input"]["form"].replace("{current_of:bob}", factories.code(bob)).replace("{id}", str(phone.pk))
    pairs = parse_qsl(typed(text, phone))
    body = "&".join(f"{name}={value}" for name, value in pairs)
    answer = half.post("/login/verify/", body, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, is_in(half)) == (200, False)


def wrong(browser: Client, phone: TOTPDevice, **extra: str) -> int:
    return browser.post("/login/verify/", {"code": factories.wrong_code(phone)}, **extra).status_code  # type: ignore[arg-type]


@scenario("SEC-OTP-048")
def test_wrong_codes_in_one_session(case: object, half: Client, phone: TOTPDevice) -> None:
    assert [wrong(half, phone) for _ in range(6)] == [200, 429, 429, 429, 429, 429]
    answer = half.post("/login/verify/", {"code": factories.code(phone)})
    assert (answer.status_code, answer["Retry-After"], is_in(half)) == (429, "1", False)
    assert "was not checked. Try again in 1 second." in answer.content.decode()


@scenario("SEC-OTP-049")
def test_one_wrong_code_in_each_of_many_sessions(case: object, alice: User, phone: TOTPDevice) -> None:
    found, browser = [], factories.browser()
    for _ in range(50):
        browser.cookies.clear()
        factories.enter_password(browser, alice)
        found.append(wrong(browser, phone))
    assert found == [200] + [429] * 49


@scenario("SEC-OTP-050")
def test_wrong_codes_from_many_addresses(case: object, half: Client, phone: TOTPDevice) -> None:
    found = [wrong(half, phone, REMOTE_ADDR=f"203.0.{number}.7") for number in range(50)]
    assert found == [200] + [429] * 49


@scenario("SEC-OTP-051")
def test_counter_is_not_rewound_by_an_older_cookie(case: object, half: Client, phone: TOTPDevice) -> None:
    kept = {name: morsel.value for name, morsel in half.cookies.items()}
    for _ in range(3):
        found = [wrong(half, phone) for _ in range(5)]
        half.cookies.load(kept)
    assert found == [429] * 5
    assert User.objects.get(pk=phone.user_id).factor_failures == 1


@scenario("SEC-OTP-052")
def test_proving_oneself_again_has_the_same_throttles(case: object, alice: User, phone: TOTPDevice) -> None:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    data = {"current": "wrong-Password-1", "new": "another phrase of words"}
    found = [browser.post("/account/password/", data).status_code for _ in range(20)]
    assert found == [200] * 5 + [429] * 15
    assert factories.enter_password(factories.browser(), alice).status_code == 429
    found = [wrong(browser, phone) for _ in range(20)]
    assert found == [200] + [429] * 19
