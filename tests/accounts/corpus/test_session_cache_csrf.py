"""session-cache-csrf: cookies, caches, forms, and what an empty session may cost."""

import secrets
from typing import Any

import pytest
from django.conf import settings as configured
from django.contrib.auth import SESSION_KEY
from django.http import HttpRequest, HttpResponse
from django.test import Client, override_settings
from django.urls import path
from django.views.defaults import server_error

from accounts import checks, sessions
from accounts.models import Session, User
from tests import factories
from tests.accounts.cases import scenario
from ztproject.urls import urlpatterns as project_urls

pytestmark = pytest.mark.django_db
COOKIE = configured.SESSION_COOKIE_NAME
HEADERS = ("Content-Security-Policy", "Cache-Control", "X-Content-Type-Options", "Referrer-Policy", "X-Frame-Options")


def broken(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("a secret of the server")


broken.login_required = False  # type: ignore[attr-defined]
urlpatterns = [path("broken/", broken), *project_urls]
handler500 = server_error


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def full(alice: User) -> Client:
    browser = factories.browser()
    factories.sign_in(browser, alice)
    return browser


@scenario("SEC-SESS-001")
def test_cookie_of_the_session(case: object, alice: User) -> None:
    names = {"SESSION_COOKIE_NAME": "__Host-zt", "SESSION_COOKIE_SECURE": True}
    with override_settings(**names):
        answer = factories.enter_password(factories.browser(), alice)
    cookie = answer.cookies["__Host-zt"]
    flags = {name: cookie[name] for name in ("secure", "httponly", "samesite", "path", "domain", "max-age", "expires")}
    assert flags == {
        "secure": True,
        "httponly": True,
        "samesite": "Lax",
        "path": "/",
        "domain": "",
        "max-age": "",
        "expires": "",
    }
    assert len(cookie.value) == 32


@scenario("SEC-SESS-003")
def test_decisions_are_never_cached(case: object, full: Client) -> None:
    """Forward-auth is not there yet; the decisions that are, and its place, are not cacheable."""
    for browser, place in ((full, "/account/"), (factories.browser(), "/account/"), (full, "/forward-auth/nginx")):
        assert browser.get(place)["Cache-Control"] == "no-store"
    assert full.get("/forward-auth/nginx").status_code == 404


@scenario("SEC-SESS-005")
def test_no_cache_middleware(case: object) -> None:
    assert checks.sign_in_is_whole(None) == []
    assert not any("cache" in name for name in configured.MIDDLEWARE)


@scenario("SEC-SESS-006", "SEC-SESS-007")
def test_page_under_a_static_looking_name(case: dict[str, Any], full: Client) -> None:
    place = case["input"]["request"].removeprefix("GET ")
    answer = full.get(place)
    assert (answer.status_code, answer["Cache-Control"], "Alice" in answer.content.decode()) == (404, "no-store", False)


@scenario("SEC-SESS-011")
def test_form_over_https_without_referer(case: object, alice: User) -> None:
    browser = factories.browser(enforce_csrf_checks=True)
    browser.get("/login/", secure=True)
    data = {"username": "alice", "password": factories.PASSWORD}
    data["csrfmiddlewaretoken"] = browser.cookies["zt-csrf"].value
    assert (browser.post("/login/", data, secure=True).status_code, Session.objects.count()) == (403, 0)
    headers = {"referer": "https://testserver/login/"}
    assert browser.post("/login/", data, secure=True, headers=headers).status_code == 302


@scenario("SEC-SESS-013")
def test_made_up_session_ids(case: object) -> None:
    browser = factories.browser()
    for number in range(200):
        made_up = secrets.token_hex(16) if number % 2 else secrets.token_urlsafe(24)
        browser.cookies[COOKIE] = made_up
        assert browser.get("/account/").status_code == 302
        if number % 20 == 0:
            factories.enter_password(browser, "nobody")
            assert not Session.objects.filter(pk=sessions.key_hash(made_up)).exists()
    assert Session.objects.count() == 0


@scenario("SEC-SESS-014")
def test_anonymous_traffic_fills_nothing(case: object) -> None:
    browser = factories.browser()
    for _ in range(100):
        for place in ("/login/", "/account/", "/nowhere/"):
            browser.get(place)
    assert Session.objects.count() == 0


@scenario("SEC-SESS-015")
def test_session_id_in_the_address_is_ignored(case: object, full: Client) -> None:
    key = full.cookies[COOKIE].value
    other = factories.browser()
    for name in (COOKIE, "sessionid", "session"):
        assert other.get(f"/account/?{name}={key}").status_code == 302
        assert other.get(f"/account/;{name}={key}").status_code in (302, 404)
    assert other.get("/account/", headers={"x-session": key}).status_code == 302


@scenario("SEC-SESS-018")
@override_settings(ROOT_URLCONF=__name__)
def test_error_pages(case: object, full: Client) -> None:
    full.raise_request_exception = False
    found = {
        400: full.get("/login/", headers={"host": "evil.test"}),
        403: factories.browser(enforce_csrf_checks=True).post("/login/", {}),
        404: full.get("/nowhere/"),
        500: full.get("/broken/"),
    }
    for status, answer in found.items():
        text = answer.content.decode()
        assert answer.status_code == status
        assert all(answer.headers.get(name) for name in HEADERS), status
        assert not any(word in text for word in ("Traceback", "a secret of the server", "DEBUG", "site-packages"))


@scenario("SEC-SESS-019")
def test_answer_to_signing_out(case: object, full: Client) -> None:
    answer = full.post("/logout/")
    assert (answer["Clear-Site-Data"], answer["Cache-Control"]) == ('"cache", "storage"', "no-store")
    for name in (COOKIE, "zt-csrf"):
        assert (answer.cookies[name].value, answer.cookies[name]["max-age"]) == ("", 0)


@scenario("SEC-SESS-020")
def test_one_sign_in_too_many_ends_the_oldest(case: object, alice: User) -> None:
    browsers = [factories.browser() for _ in range(sessions.MOST_AT_ONCE + 1)]
    for browser in browsers:
        factories.sign_in(browser, alice)
    alive = [SESSION_KEY in browser.session for browser in browsers]
    assert alive == [False] + [True] * sessions.MOST_AT_ONCE
    assert Session.objects.live(browsers[-1].session.get_expiry_date()).count() == 0
