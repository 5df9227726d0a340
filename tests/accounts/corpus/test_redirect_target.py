"""redirect-target: where a person ends up after signing in."""

from typing import Any

import pytest
from pytest_django import Settings

from accounts.models import User
from tests import factories
from tests.accounts.cases import cases, expanded

pytestmark = pytest.mark.django_db
FOLLOWED = {
    "https://app.example.test/": "https://app.example.test/",
    "HTTPS://APP.EXAMPLE.TEST/public/x": "https://app.example.test/public/x",
    "/account/": "/account/",
    "/account/?x=https://evil.test": "/account/?x=https://evil.test",
}


def registered() -> set[str]:
    return {"app.example.test", "hr.example.test"}


@pytest.fixture
def alice() -> User:
    return factories.alice()


@cases("redirect-target", having="value")
def test_target(case: dict[str, Any], alice: User, settings: Settings) -> None:
    settings.ALLOWED_HOSTS, settings.ZT_RETURN_HOSTS = ["portal.example.test"], f"{__name__}.registered"
    given = case["input"]
    value = expanded(given["value"])
    expected = FOLLOWED[value] if case["expect"] == "follow-redirect" else "/"
    browser = factories.browser(SERVER_NAME="portal.example.test")
    factories.enter_password(browser, alice, **{given["param"]: value})
    device = alice.totpdevice_set.get()  # type: ignore[attr-defined]
    answer = browser.post("/login/verify/", {"code": factories.code(device)})
    assert (answer.status_code, answer["Location"]) == (302, expected)


@cases("redirect-target", having="param")
def test_target_of_stepping_up(case: dict[str, Any], alice: User, settings: Settings) -> None:
    settings.ALLOWED_HOSTS, settings.ZT_RETURN_HOSTS = ["portal.example.test"], f"{__name__}.registered"
    given = case["input"]
    value = expanded(given["value"])
    expected = FOLLOWED[value] if case["expect"] == "follow-redirect" else "/"
    browser = factories.browser(SERVER_NAME="portal.example.test")
    device = factories.sign_in(browser, alice)
    answer = browser.post("/login/verify/", {"code": factories.code(device, steps=1), given["param"]: value})
    assert (answer.status_code, answer["Location"]) == (302, expected)
