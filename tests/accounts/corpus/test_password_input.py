"""password-input: what is set as a password, and what is tried as one."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from tests import factories
from tests.accounts.cases import CORPUS, cases

pytestmark = pytest.mark.django_db


@cases("password-input", having="password")
def test_password(case: dict[str, Any], settings: Settings) -> None:
    settings.ALLOWED_HOSTS = ["testserver", "portal.example.test"]
    given = case["input"]
    prefix, _, stored = given["endpoint"].partition(":")
    if prefix == "login-after-setting":
        return tried(given["password"], stored)
    alice, browser = factories.alice(), factories.browser()
    factories.sign_in(browser, alice)
    answer = browser.post("/account/password/", {"current": factories.PASSWORD, "new": given["password"]})
    alice.refresh_from_db()
    if case["expect"] == "accept-input":
        assert answer.status_code == 302
        assert alice.check_password(given["password"])
    else:
        assert (answer.status_code, 'aria-invalid="true"' in answer.content.decode()) == (200, True)
        assert alice.check_password(factories.PASSWORD)
        assert not User(password=alice.password).check_password(given["password"].partition("\0")[0])
    return None


def tried(password: str, stored: str) -> None:
    """bcrypt alone reads 72 bytes: what differs after them has to differ."""
    alice = factories.alice(password=stored)
    assert password[:72] == stored[:72]
    assert factories.enter_password(factories.browser(), alice, password).status_code == 200
    assert factories.enter_password(factories.browser(), alice, stored).status_code == 302


def test_there_is_a_control() -> None:
    assert CORPUS.cases["SEC-PWD-002"]["expect"] == CORPUS.cases["SEC-PWD-003"]["expect"] == "accept-input"
