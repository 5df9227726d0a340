"""The way of a person who is not known yet: to the portal, back to the very page, and out again."""

import re
from collections.abc import Sequence
from html import unescape
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tests.proxies.asking import BROWSER, COOKIE, SCRIPT, Asking, Outcome
from tests.proxies.fleet import FAMILIES
from tests.proxies.system import System
from tests.proxies.wire import WEBSOCKET, Answer, Request, send

pytestmark = pytest.mark.proxies

PAGE = "/public/report?year=2026&of=%2Fall"
UNKNOWN = {
    "no-cookie": ("", []),
    "session-that-is-over": ("eve", []),
    "cookie-that-is-none": ("", [("Cookie", 'zt-app="><script>; sessionid=../../etc; a=b=c; \udc80=\udcff')]),
    "two-cookies": ("", [("Cookie", f"zt-app={'a' * 43}; zt-app={'b' * 43}")]),
}


@pytest.mark.parametrize(("who", "headers"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_browser_is_led_to_the_sign_in_and_told_the_way_back(ask: Asking, who: str, headers: list) -> None:
    outcome = ask(who, Request(PAGE, headers=[*BROWSER, *headers]))
    if "cookie-that-is-none" in str(headers) or outcome.status == 400:
        outcome.assert_refused()  # some proxies refuse such bytes themselves
        return
    outcome.assert_refused(302, 303)
    assert outcome.sign_in == f"http://app.localhost{PAGE}"
    assert outcome.answer.header("location").startswith("http://app.localhost/.zt/start?")


@pytest.mark.parametrize(("who", "headers"), UNKNOWN.values(), ids=UNKNOWN)
def test_a_script_is_told_that_a_sign_in_is_missing(ask: Asking, who: str, headers: list) -> None:
    outcome = ask(who, Request(PAGE, headers=[*SCRIPT, *headers]))
    outcome.assert_refused(400, 401)
    assert outcome.answer.header("location") == ""


@pytest.mark.parametrize("target", ["/finance/x", "/nowhere", "/"])
def test_a_stranger_learns_nothing_of_what_there_is(ask: Asking, target: str) -> None:
    outcome = ask("", Request(target, headers=BROWSER))
    if target != "/finance/x" and outcome.status == 404:
        return  # the proxy has no route there, and nothing to ask about
    outcome.assert_refused(302, 303)
    assert outcome.sign_in == f"http://app.localhost{target}"


def test_a_form_is_not_sent_twice(ask: Asking) -> None:
    outcome = ask("", Request("/workshop/x", "POST", headers=BROWSER, body=b"a=1"))
    outcome.assert_refused(302, 303)
    assert outcome.sign_in == "http://app.localhost/workshop/x"


def test_a_head_of_a_browser_is_led_as_its_get(ask: Asking) -> None:
    outcome = ask("", Request(PAGE, "HEAD", headers=BROWSER))
    outcome.assert_refused(302, 303)
    assert outcome.sign_in == f"http://app.localhost{PAGE}"


def test_a_websocket_is_led_nowhere(ask: Asking) -> None:
    ask("", Request("/public/socket", headers=[*WEBSOCKET, *BROWSER])).assert_refused(401)


def test_an_unknown_host_is_led_nowhere(ask: Asking) -> None:
    outcome = ask("", Request(host="evil.test", headers=BROWSER))
    assert outcome.seen == ()
    assert "evil.test" not in outcome.answer.header("location")
    assert outcome.status in {0, 403, 404, 421}


def test_no_header_chooses_where_the_sign_in_leads_back_to(ask: Asking) -> None:
    evil = [("X-Forwarded-Host", "evil.test"), ("X-Original-URL", "http://evil.test/"), ("Forwarded", "host=evil.test")]
    outcome = ask("", Request(PAGE, headers=[*BROWSER, *evil]))
    outcome.assert_refused(302, 303, 403)
    assert "evil.test" not in outcome.answer.header("location")


class Browser:
    """Cookies of one host, and pages of the portal beside them."""

    def __init__(self, ask: Asking, system: System, portal_key: str) -> None:
        self.ask, self.system, self.portal_key = ask, system, portal_key
        self.cookies: dict[str, str] = {}

    def open(self, url: str, method: str = "GET", headers: Sequence[tuple[str, str]] = ()) -> Outcome:
        parts = urlsplit(url)
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        kept = (
            [("Cookie", "; ".join(f"{name}={value}" for name, value in self.cookies.items()))] if self.cookies else []
        )
        request = Request(target, method, host=parts.netloc, headers=[*BROWSER, *kept, *(headers or [])])
        outcome = self.ask("", request)
        self.cookies |= outcome.answer.cookies
        return outcome

    def at_portal(self, url: str) -> Answer:
        parts = urlsplit(url)
        assert parts.netloc == f"localhost:{self.system.portal.port}", url
        headers = [*BROWSER, ("Cookie", f"zt={self.portal_key}")]
        return send(self.system.portal.port, Request(f"{parts.path}?{parts.query}", host=parts.netloc, headers=headers))

    def way_in(self, url: str) -> str:
        """Where the portal sends the browser back to, with a ticket."""
        parts = urlsplit(url)
        to_start = f"{parts.scheme}://{parts.netloc}/.zt/start?rd={quote(url, safe='')}"
        to_portal = self.open(to_start).answer.header("location")
        page = self.at_portal(to_portal)
        assert page.status == 200, page.body
        found = re.search(r'http-equiv="refresh" content="0; url=([^"]+)"', page.body.decode())
        assert found is not None
        return unescape(found[1])


@pytest.fixture
def browser(ask: Asking, system: System) -> Browser:
    return Browser(ask, system, ask.keys["grace-portal"])


def test_the_way_through_the_portal_ends_at_the_very_page(browser: Browser) -> None:
    url = f"http://app.localhost{PAGE}"
    way_in = browser.way_in(url)
    assert way_in.startswith("http://app.localhost/.zt/enter?ticket=")
    back = browser.open(way_in)
    assert (back.status, back.answer.header("location")) == (303, url)
    cookie = next(line for line in back.answer.headers_named("set-cookie") if line.startswith(COOKIE))
    assert cookie.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax"]
    browser.open(url).assert_served()


def test_a_ticket_is_good_once_and_in_the_browser_that_asked_for_it(browser: Browser) -> None:
    url = "http://app.localhost/public/x"
    first = browser.way_in(url)
    thief = Browser(browser.ask, browser.system, "")
    assert (thief.open(first).status, thief.cookies) == (403, {})
    thief.open("http://app.localhost/.zt/start")
    assert thief.open(first).status == 403
    assert COOKIE not in thief.cookies
    assert browser.open(first).status == 303
    before = dict(browser.cookies)
    assert browser.open(first).status == 403  # used
    assert browser.cookies == before
    elsewhere = browser.way_in("http://app.localhost/public/y").replace("app.localhost", "hr.localhost")
    assert browser.open(elsewhere).status == 403


def test_leaving_one_application_ends_the_whole_session(ask: Asking, system: System) -> None:
    frank = Browser(ask, system, ask.keys[f"frank-{FAMILIES.index(ask.family)}"])
    url = "http://app.localhost/public/x"
    other = Browser(ask, system, frank.portal_key)
    other.open(other.way_in("http://hr.localhost/"))
    frank.open(frank.way_in(url))
    frank.open(url).assert_served()
    other.open("http://hr.localhost/").assert_served()

    page = frank.open("http://app.localhost/.zt/sign-out")
    assert page.status == 200
    assert b"Sign out" in page.answer.body
    leave = "http://app.localhost/.zt/sign-out"
    foreign = [("Origin", "http://evil.test"), ("Sec-Fetch-Site", "cross-site")]
    assert frank.open(leave, "POST", foreign).status == 403
    frank.open(url).assert_served()
    key = frank.cookies[COOKIE]
    assert (
        frank.open(leave, "POST", [("Origin", "http://app.localhost"), ("Sec-Fetch-Site", "same-origin")]).status == 200
    )
    frank.cookies[COOKIE] = key
    for gone in (frank.open(url), other.open("http://hr.localhost/")):
        gone.assert_refused(302, 303)
    assert frank.at_portal(f"{system.portal.url}/account/?").status == 302


def test_pages_of_ours_find_their_styles(ask: Asking) -> None:
    outcome = ask("", Request("/.zt/base.css"))
    assert (outcome.status, outcome.seen) == (200, ())
    assert outcome.answer.header("content-type") == "text/css; charset=utf-8"


def test_nothing_below_our_prefix_reaches_the_application(ask: Asking) -> None:
    for target in ("/.zt/", "/.zt/x", "/.zt/sign-out", "/.zt/../.zt/x", "/.zt//x"):
        assert ask("alice", Request(target)).seen == (), target


def test_the_start_keeps_a_secret_that_no_script_reads(ask: Asking) -> None:
    outcome = ask("", Request("/.zt/start?rd=http%3A%2F%2Fapp.localhost%2Fpublic%2Fx", headers=BROWSER))
    assert outcome.status == 302
    question = parse_qs(urlsplit(outcome.answer.header("location")).query)
    assert question["to"] == ["http://app.localhost/public/x"]
    cookie = outcome.answer.header("set-cookie")
    assert cookie.split("; ")[1:] == ["Path=/", "HttpOnly", "SameSite=Lax", "Max-Age=900"]
    assert cookie.partition(";")[0].partition("=")[2] not in outcome.answer.header("location")
