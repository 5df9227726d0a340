"""recovery-code: guessed, replayed, borrowed, stolen from the database."""

from collections.abc import Iterator
from re import findall
from typing import Any

import pytest
import time_machine
from django.contrib.auth import SESSION_KEY
from django.core import serializers
from django.test import Client

from accounts.authenticators.recovery import RecoveryCode
from accounts.models import RecoveryCodeDevice, TOTPDevice, User
from audit.models import Entry
from tests import factories
from tests.accounts.cases import cases, scenario

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def time_stands_still() -> Iterator[None]:
    with time_machine.travel("2026-11-24T12:00:10Z", tick=False):
        yield


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def codes(alice: User) -> tuple[str, ...]:
    return factories.recovery_codes(alice)


@pytest.fixture
def half(alice: User, codes: tuple[str, ...]) -> Client:
    browser = factories.browser()
    factories.enter_password(browser, alice)
    return browser


@cases("recovery-code", having="code")
def test_code(case: dict[str, Any], half: Client, alice: User, codes: tuple[str, ...]) -> None:
    given, typed = case["input"], case["input"]["code"]
    if "{valid_of:bob}" in typed:
        typed = factories.recovery_codes(factories.bob())[0]
    typed = typed.replace("{valid}", codes[0])
    if given.get("replay"):
        other = factories.browser()
        factories.enter_password(other, alice)
        assert other.post("/login/recovery/", {"code": typed}).status_code == 302
    answer = half.post("/login/recovery/", {"code": typed})
    accepted = case["expect"] == "accept-otp"
    assert answer.status_code == (302 if accepted else 200)
    assert (SESSION_KEY in half.session) is accepted
    if accepted:
        kept_and_told(half, alice)


def kept_and_told(browser: Client, alice: User) -> None:
    """The app stays, the ledger has it, and the person is told on the next page."""
    assert TOTPDevice.objects.filter(user=alice, confirmed=True).count() == 1
    entry = Entry.objects.get(kind="recovery.used")
    assert (entry.actor, entry.data) == ("user:alice", {"address": "127.0.0.1", "left": 9})
    assert "You used a recovery code." in browser.get("/account/").content.decode()


@scenario("SEC-REC-009")
def test_guesses_count_with_those_at_the_app(case: object, half: Client, alice: User) -> None:
    found = [half.post("/login/recovery/", {"code": f"wrong-{number}"}).status_code for number in range(100)]
    assert found == [200] + [429] * 99
    phone = TOTPDevice.objects.get(user=alice)
    assert half.post("/login/verify/", {"code": factories.code(phone)}).status_code == 429


@scenario("SEC-REC-010")
def test_codes_are_shown_once(case: object, alice: User) -> None:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    answer = browser.post("/account/codes/", {"new": "yes"})
    shown = findall(r"<li>((?:[A-Z2-7]{4}-){5}[A-Z2-7]{4})</li>", answer.content.decode())
    assert (len(shown), answer["Cache-Control"]) == (10, "no-store")
    for path in ("/account/codes/", "/account/"):
        answer = browser.get(path)
        assert answer["Cache-Control"] == "no-store"
        assert not any(code in answer.content.decode() for code in shown)


@scenario("SEC-REC-011")
def test_database_tells_no_code(case: object, codes: tuple[str, ...], alice: User) -> None:
    rows = [*RecoveryCode.objects.all(), *RecoveryCodeDevice.objects.all(), *User.objects.all()]
    dump = serializers.serialize("json", rows)
    assert not any(code in dump or code.replace("-", "") in dump for code in codes)
    other = factories.recovery_codes(factories.bob())
    assert len(set(RecoveryCode.objects.values_list("code_hash", flat=True))) == len(codes) + len(other)
