"""username-input: names that exist, names that do not, and names that are attacks."""

import re
import time
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from accounts.models import PasswordThrottle, Session, User
from audit.models import Entry
from tests import factories
from tests.accounts.cases import cases, expanded

pytestmark = pytest.mark.django_db
TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="\w+"')
TYPED = re.compile(r'name="username" value="[^"]*"')


@pytest.fixture(autouse=True)
def cast() -> None:
    factories.alice(email="alice@example.test", enrolled=False)
    factories.user("disabled-dave", is_active=False, enrolled=False)
    factories.user("no-password-nina", password=None, enrolled=False)


def seen(username: str) -> tuple[int, str, dict[str, str]]:
    """What an outsider sees of a wrong sign-in: status, page, headers; without what was typed and the token."""
    answer = factories.enter_password(factories.browser(), username, "wrong-Password-1")
    page = TYPED.sub("", TOKEN.sub("", answer.content.decode()))
    headers = {name: value for name, value in answer.headers.items() if name != "Content-Length"}
    return answer.status_code, page, headers


@cases("username-input", having="username")
def test_username(case: dict[str, Any]) -> None:
    endpoint, expect = case["input"]["endpoint"], case["expect"]
    if endpoint == "password-reset":
        return no_such_door()
    if endpoint.startswith("create-user:"):
        return twin_is_refused(endpoint.partition(":")[2])
    return {"no-enumeration": same_as_unknown, "reject-input": refused_at_once, "escaped": not_written_down}[expect](
        expanded(case["input"]["username"])
    )


def same_as_unknown(username: str) -> None:
    assert seen(username) == seen("somebody-nobody-knows")
    assert "This username and password do not match." in seen(username)[1]


def refused_at_once(username: str) -> None:
    started = time.perf_counter()
    status, page, _ = seen(username)
    assert time.perf_counter() - started < 0.5
    assert (status, 'aria-invalid="true"' in page) == (200, True)
    assert not PasswordThrottle.objects.exists()  # nothing was normalised or hashed


def not_written_down(username: str) -> None:
    """Names go into the ledger as those of accounts, or not at all; and pages escape what was typed."""
    status, page, _ = seen(username)
    assert status == 200
    assert not any(text in page for text in ("\x1b", "<script"))
    assert [(entry.kind, entry.subject) for entry in Entry.objects.all()] in ([], [("sign_in.failed", "")])
    assert not any(username in str(entry.data) for entry in Entry.objects.all())


def no_such_door() -> None:
    """There is no password reset yet: nothing can be asked for, mailed or opened."""
    browser = factories.browser()
    for path in (
        "/password-reset/",
        "/login/reset/",
        "/accounts/password_reset/",
        "/reset/x/y/",
        "/login/password-reset/",
    ):
        assert (browser.get(path).status_code, browser.post(path, {"email": "x"}).status_code) == (404, 404)


def twin_is_refused(name: str) -> None:
    """A second spelling of a name that exists is the same name, or none at all."""
    twin = User(username=name, password="!")
    with pytest.raises(ValidationError):
        twin.full_clean()
    assert User.objects.filter(username__icontains="ali").count() == 1
    User(username="alicia", password="!").full_clean()


@pytest.mark.parametrize("username", ["alice", " ALICE ", "ａlice"])
def test_every_spelling_is_one_person(username: str) -> None:
    assert factories.enter_password(factories.browser(), username).status_code == 302
    assert Session.objects.count() == 1


@pytest.mark.parametrize("username", ["disabled-dave", "no-password-nina", "nobody-here"])
def test_right_password_of_whoever_may_not_sign_in_looks_wrong(username: str) -> None:
    answer = factories.enter_password(factories.browser(), username)
    assert (answer.status_code, "do not match" in answer.content.decode()) == (200, True)


def test_quarantined_person_looks_the_same() -> None:
    User.objects.filter(username="alice").update(quarantined_at="2026-11-24T00:00:00Z")
    assert seen("alice") == seen("nobody-here")
    assert factories.enter_password(factories.browser(), "alice").status_code == 200
