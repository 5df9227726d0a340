"""auth-flow-state: steps out of order, sessions of others, doors at the side."""

from datetime import UTC, datetime, timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import time_machine
from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.test import Client
from django.utils import timezone

from accounts.models import RoleAssignment, Session, TOTPDevice, User
from accounts.roles import revoke_role
from accounts.sessions import SessionStore
from audit.models import Entry
from tests import factories
from tests.accounts.cases import scenario

pytestmark = pytest.mark.django_db
COOKIE = settings.SESSION_COOKIE_NAME


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def half(alice: User) -> Client:
    """alice's browser after the password."""
    browser = factories.browser()
    factories.enter_password(browser, alice)
    return browser


@pytest.fixture
def full(alice: User) -> Client:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    assert led(browser, "/account/") == ""
    return browser


def led(browser: Client, path: str) -> str:
    """Where a browser that asks for `path` is led; empty when it gets the page."""
    answer = browser.get(path)
    if answer.status_code == 200:
        return ""
    assert answer.status_code in (302, 403), answer
    return urlsplit(answer.headers.get("Location", "refused")).path


# ------------------------------------------------------------ half-way in
@scenario("SEC-FLOW-002")
def test_admin_with_the_password_alone(case: object) -> None:
    carol, browser = factories.carol(), factories.browser()
    factories.enter_password(browser, carol)
    assert led(browser, "/admin/") == "/login/"
    factories.sign_in(browser, carol)
    assert led(browser, "/admin/") == ""


@scenario("SEC-FLOW-003")
def test_admin_login_is_no_second_door(case: object) -> None:
    browser = factories.browser()
    answer = browser.post("/admin/login/", {"username": factories.carol().username, "password": factories.PASSWORD})
    assert (answer.status_code, urlsplit(answer["Location"]).path) == (302, "/login/")
    assert (led(browser, "/admin/"), Session.objects.count()) == ("/login/", 0)


@scenario("SEC-FLOW-004")
def test_no_add_on_brings_a_door(case: object) -> None:
    for path in ("/admin/doc/", "/admin/password_reset/", "/accounts/login/", "/admin/jsi18n/"):
        answer = factories.browser().get(path)
        assert answer.status_code in (302, 404), path
        assert urlsplit(answer.headers.get("Location", "/login/")).path in ("/login/", "/admin/login/")


@scenario("SEC-FLOW-006")
def test_new_app_does_not_satisfy_the_second_factor(case: object, half: Client, alice: User) -> None:
    for path in ("/login/enrol/", "/account/enrol/"):
        half.post(path, {"name": "mine", "code": "123456"})
    assert TOTPDevice.objects.filter(user=alice).count() == 1
    planted = factories.app(alice, "planted", confirmed=False)
    for path in ("/login/enrol/", "/account/enrol/", "/login/verify/"):
        half.post(path, {"code": factories.code(planted)})
    planted.refresh_from_db()
    assert (planted.confirmed, led(half, "/account/")) == (False, "/login/")


@scenario("SEC-FLOW-007")
def test_enrolment_belongs_to_person_and_session(case: object) -> None:
    alice, bob, browser = factories.alice(enrolled=False), factories.bob(enrolled=False), factories.browser()
    factories.enter_password(browser, alice)
    hers = TOTPDevice.objects.get(user=alice)
    browser.post("/logout/")
    factories.enter_password(browser, bob)
    answer = browser.post("/login/enrol/", {"code": factories.code(hers)})
    assert "That code did not work" in answer.content.decode()
    assert not TOTPDevice.objects.filter(confirmed=True).exists()
    his = TOTPDevice.objects.get(user=bob)
    browser.post("/login/enrol/", {"code": factories.code(his)})
    assert list(TOTPDevice.objects.filter(confirmed=True)) == [his]


@scenario("SEC-FLOW-008")
def test_key_is_shown_until_it_counts_and_never_stored_by_the_browser(case: object) -> None:
    alice, browser = factories.alice(enrolled=False), factories.browser()
    factories.enter_password(browser, alice)
    device = TOTPDevice.objects.get(user=alice)
    for _ in range(2):
        answer = browser.get("/login/enrol/")
        assert (answer["Cache-Control"], device.typed_key in answer.content.decode()) == ("no-store", True)
    browser.post("/login/enrol/", {"code": factories.code(device)})
    browser.post("/login/codes/", {"saved": "yes"})
    for path in ("/login/enrol/", "/account/", "/account/enrol/", "/account/codes/"):
        page = browser.get(path, follow=True).content.decode()
        assert device.typed_key not in page
        assert device.typed_key.replace(" ", "") not in page


# ------------------------------------------------------------ what ends a verified state at once
@scenario("SEC-FLOW-010", "SEC-FLOW-011")
def test_app_that_no_longer_counts(case: dict[str, Any], full: Client, alice: User) -> None:
    if case["id"] == "SEC-FLOW-010":
        TOTPDevice.objects.filter(user=alice).update(confirmed=False)
    else:
        TOTPDevice.objects.filter(user=alice).delete()
    assert led(full, "/account/") == "/login/verify/"


@scenario("SEC-FLOW-020")
def test_password_change_ends_other_sessions(case: object, full: Client, alice: User) -> None:
    other = factories.browser()
    factories.sign_in(other, alice)
    data = {"current": factories.PASSWORD, "new": "another phrase of words"}
    assert full.post("/account/password/", data).status_code == 302
    assert (led(full, "/account/"), led(other, "/account/")) == ("", "/login/")


@scenario("SEC-FLOW-021")
def test_disabling_holds_on_the_next_request(case: object, full: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert led(full, "/account/") == "refused"
    User.objects.filter(pk=alice.pk).update(is_active=True)
    assert led(full, "/account/") == ""


@scenario("SEC-FLOW-022")
def test_role_change_holds_on_the_next_request(case: object) -> None:
    carol, browser = factories.carol(), factories.browser()
    factories.sign_in(browser, carol)
    other_worker = factories.browser()
    other_worker.cookies = browser.cookies
    assert led(browser, "/admin/") == ""
    revoke_role(assignment=RoleAssignment.objects.get(user=carol))
    assert (led(browser, "/admin/"), led(other_worker, "/admin/")) == ("refused", "refused")


@scenario("SEC-FLOW-039", "SEC-FLOW-040")
def test_limits_of_a_session(case: dict[str, Any], alice: User) -> None:
    idle = case["id"] == "SEC-FLOW-039"
    start = datetime(2026, 11, 24, 6, 0, tzinfo=UTC)
    browser = factories.browser()
    with time_machine.travel(start, tick=False) as clock:
        factories.sign_in(browser, alice)
        for _ in range(1 if idle else 12 * 3 - 1):
            clock.shift(timedelta(minutes=20))
            assert led(browser, "/account/") == ""
        clock.shift(timedelta(minutes=31 if idle else 20))
        assert led(browser, "/account/") == "/login/"


# ------------------------------------------------------------ sessions of others
@scenario("SEC-FLOW-026")
def test_session_fixation(case: object, alice: User) -> None:
    attacker, victim = factories.browser(), factories.browser()
    factories.enter_password(attacker, factories.bob())  # the most an outsider can put into a session
    planted = attacker.cookies[COOKIE].value
    victim.cookies[COOKIE] = planted
    factories.sign_in(victim, alice)
    assert victim.cookies[COOKIE].value != planted
    attacker.cookies[COOKIE] = planted
    assert (led(attacker, "/account/"), led(victim, "/account/")) == ("/login/", "")


@scenario("SEC-FLOW-027")
def test_nothing_of_alice_survives_in_the_session_of_bob(case: object, full: Client, alice: User) -> None:
    session = full.session
    session["colour"] = "green"
    session.save()
    hers = full.cookies[COOKIE].value
    factories.sign_in(full, factories.bob())
    assert ("colour" in full.session, full.session[SESSION_KEY]) == (False, str(User.objects.get(username="bob").pk))
    assert "Bob" in full.get("/account/").content.decode()
    assert SessionStore(hers).get(SESSION_KEY) is None
    assert Session.objects.get(user=alice).session_data == ""


@scenario("SEC-FLOW-029")
def test_state_before_the_sign_in_is_no_session(case: object, half: Client) -> None:
    assert SESSION_KEY not in half.session
    assert led(half, "/account/") == "/login/"
    login_page = factories.browser()
    login_page.get("/login/?next=/account/")
    stray = factories.browser()
    stray.cookies[COOKIE] = login_page.cookies["zt-csrf"].value
    assert led(stray, "/account/") == "/login/"


@scenario("SEC-FLOW-033")
def test_sign_in_form_of_another_site(case: object, alice: User) -> None:
    browser = factories.browser(enforce_csrf_checks=True)
    data = {"username": "alice", "password": factories.PASSWORD}
    answer = browser.post("/login/", data, headers={"origin": "https://evil.test"})
    assert (answer.status_code, "Nothing was sent" in unescape(answer.content.decode())) == (403, True)
    assert (Session.objects.count(), Entry.objects.count()) == (0, 0)
    browser.get("/login/")
    data["csrfmiddlewaretoken"] = browser.cookies["zt-csrf"].value
    assert browser.post("/login/", data, headers={"origin": "https://evil.test"}).status_code == 403
    assert browser.post("/login/", data).status_code == 302


# ------------------------------------------------------------ doors that do not exist
@scenario("SEC-FLOW-013", "SEC-FLOW-014", "SEC-FLOW-015", "SEC-FLOW-016", "SEC-FLOW-017", "SEC-FLOW-018")
def test_there_is_no_password_reset(case: object, full: Client) -> None:
    nothing_there("/login/reset/", "/password-reset/", "/reset/MQ/set-password/", "/accounts/reset/MQ/c-1/")
    assert led(full, "/account/") == ""


@scenario("SEC-FLOW-019")
def test_foreign_host_is_refused(case: object) -> None:
    for path in ("/login/", "/password-reset/"):
        assert factories.browser().post(path, {"email": "x"}, headers={"host": "evil.test"}).status_code == 400


@scenario("SEC-FLOW-035", "SEC-FLOW-037", "SEC-FLOW-038")
def test_no_browser_is_remembered(case: object, full: Client, alice: User) -> None:
    """No cookie but the session's and the form token's, so none that could stand in for a second factor."""
    assert set(full.cookies) <= {COOKIE, "zt-csrf"}
    full.cookies["remember"] = full.cookies["otp_remember"] = "alice:1:signed"
    full.post("/logout/")
    assert led(full, "/account/") == "/login/"
    assert factories.enter_password(full, alice)["Location"] == "/login/verify/"
    assert led(full, "/account/") == "/login/"


@scenario("SEC-FLOW-045", "SEC-FLOW-046", "SEC-FLOW-050")
def test_there_are_no_passkeys_yet(case: object, half: Client) -> None:
    nothing_there("/webauthn/", "/otp_webauthn/authentication/begin/", "/login/passkey/", "/account/passkeys/")
    assert led(half, "/account/") == "/login/"


def nothing_there(*paths: str) -> None:
    for path in paths:
        browser = factories.browser()
        assert (browser.get(path).status_code, browser.post(path, {"x": "y"}).status_code) == (404, 404), path


# ------------------------------------------------------------ the way back
def test_way_back_is_kept_through_all_steps() -> None:
    alice, browser = factories.alice(enrolled=False), factories.browser()
    answer = browser.get("/account/?page=2")
    assert parse_qs(urlsplit(answer["Location"]).query) == {"next": ["/account/?page=2"]}
    factories.enter_password(browser, alice, next="/account/?page=2")
    browser.post("/login/enrol/", {"code": factories.code(TOTPDevice.objects.get(user=alice))})
    assert browser.post("/login/codes/", {"saved": "yes"})["Location"] == "/account/?page=2"
    assert timezone.now() - Session.objects.get(user=alice).created_at < timedelta(minutes=1)
