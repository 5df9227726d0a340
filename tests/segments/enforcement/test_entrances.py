"""From the portal to an application: who is let on, with what, and everybody else."""

import re
from collections.abc import Iterator
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import applications
from accounts.applications import challenge_of, new_secret
from accounts.authenticators.totp import TOTPDevice
from accounts.models import ApplicationTicket, Session, User
from audit.models import Entry
from segments.models import Segment
from tests import factories
from tests.segments import rows
from tests.segments.enforcement.asgi import ApplicationBrowser
from tests.segments.enforcement.conftest import PORTAL
from tests.segments.enforcement.corpus_cases import cases, expanded

HOST = "app.example.test"
PAGE = f"https://{HOST}/books?page=2"
SECRET = "s" * 43  # the same in every worker: it names tests


@pytest.fixture
def alice(db: None) -> User:
    return factories.alice(enrolled=False, roles=("reader",))


@pytest.fixture
def public(db: None) -> Segment:
    segment = rows.segment("public")
    rows.web(segment, HOST)
    rows.grant(segment, factories.role("reader"))
    return segment


@pytest.fixture
def browser(alice: User, public: Segment, tls: Settings) -> Client:
    """alice's, signed in."""
    found = factories.browser()
    factories.session(alice, client=found)
    return found


def question(to: str = PAGE, challenge: str = challenge_of(SECRET)) -> str:
    return f"/enter/?{urlencode({'to': to, 'challenge': challenge})}"


def way_of(page: str) -> str:
    """Where the page leads by itself; its link is the same."""
    refreshed = re.search(r'<meta http-equiv="refresh" content="0; url=([^"]*)">', page)
    followed = re.search(r'<a class="button" href="(https://[^"]*)"', page)
    assert refreshed, page
    assert followed, page
    assert refreshed[1] == followed[1]
    return unescape(refreshed[1])


def test_a_page_leads_to_the_application_with_a_ticket(browser: Client, alice: User) -> None:
    answer = browser.get(question())
    way = urlsplit(way_of(answer.content.decode()))
    assert (answer.status_code, f"{way.scheme}://{way.netloc}{way.path}") == (200, f"https://{HOST}/.zt/enter")
    assert answer["Cache-Control"] == "no-store"
    entrance = applications.redeem(
        ticket=parse_qs(way.query)["ticket"][0], host=HOST, secret=SECRET, address=None, at=timezone.now()
    )
    assert entrance is not None
    assert entrance.target == PAGE
    decided = Entry.objects.filter(kind="decision", subject="public").get()
    assert (decided.actor, decided.data["allowed"], decided.data["target"]) == (
        "user:alice",
        True,
        {"host": HOST, "path": "/books", "method": "GET"},
    )


def test_the_host_keeps_its_port_and_is_compared_without(browser: Client, settings: Settings) -> None:
    settings.ZT_APPLICATION_PORT = 8443
    way = way_of(browser.get(question(f"https://APP.example.test:8443/a")).content.decode())  # noqa: F541
    assert way.startswith(f"https://{HOST}:8443/.zt/enter?ticket=")
    assert ApplicationTicket.objects.get().host == HOST


@pytest.mark.parametrize(
    ("port", "written", "status"),
    [
        (443, "", 200),
        (443, ":443", 200),
        (443, ":9443", 404),
        (8443, "", 404),
        (8443, ":8443", 200),
        (8443, ":443", 404),
    ],
)
def test_a_ticket_goes_to_the_port_of_applications_alone(
    browser: Client, settings: Settings, port: int, written: str, status: int
) -> None:
    """Whoever listens on another port of a registered host would redeem it with a secret of their own."""
    settings.ZT_APPLICATION_PORT = port
    assert browser.get(question(f"https://{HOST}{written}/a")).status_code == status
    assert ApplicationTicket.objects.count() == (status == 200)


@pytest.mark.parametrize(
    "target",
    [
        "/enter/",
        f"/enter/?to={quote(PAGE)}",
        f"/enter/?challenge={challenge_of(SECRET)}",
        question(challenge=""),
        question(challenge="x"),
        question(challenge=challenge_of(SECRET)[:-1]),
        question(challenge=challenge_of(SECRET).upper()),
        question(challenge=challenge_of(SECRET) + "\n"),
        question() + f"&to={quote(PAGE)}",
        question() + f"&challenge={challenge_of(SECRET)}",
        question("https://nobody.example.test/"),
        question(f"https://x.{HOST}/"),
        question(f"https://{HOST}.evil.test/"),
        question(f"http://{HOST}/"),
        question(f"//{HOST}/"),
        question("/books"),
        question(""),
        question(f"{PORTAL}/"),
        question(f"https://alice@{HOST}/"),
        question(f"{PAGE}#a"),
        question(f"{PAGE}\r\nx: y"),
        question(f'{PAGE}"><meta>'),
        question(f"https://{HOST}/{'a' * 4096}"),
    ],
)
def test_an_address_that_is_none_of_ours_leads_nowhere(browser: Client, target: str) -> None:
    answer = browser.get(target)
    assert (answer.status_code, ApplicationTicket.objects.count()) == (404, 0)
    assert b"Nobody registered this application" in answer.content
    assert b"http-equiv" not in answer.content


@cases("redirect-target", having="value")
def test_target(case: dict[str, Any], browser: Client) -> None:
    value = expanded(case["input"]["value"])
    answer = browser.get(question(value))
    if case["expect"] == "follow-redirect":
        assert way_of(answer.content.decode()).startswith(f"https://{HOST}/.zt/enter?ticket=")
    else:  # 403: a line break in the path, which the engine takes for none
        expected = 403 if case["id"] == "SEC-REDIR-058" else 404
        assert (answer.status_code, ApplicationTicket.objects.count()) == (expected, 0)


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_only_reading_methods_are_taken(browser: Client, method: str) -> None:
    assert getattr(browser, method)(question()).status_code == 405
    assert not ApplicationTicket.objects.exists()


def test_whoever_is_refused_gets_the_page_that_says_why_and_no_ticket(browser: Client, public: Segment) -> None:
    public.grants.all().delete()
    answer = browser.get(question())
    assert (answer.status_code, ApplicationTicket.objects.count()) == (403, 0)
    assert b"not_granted" in answer.content


def test_a_script_is_told_the_reason(browser: Client, public: Segment) -> None:
    public.grants.all().delete()
    answer = browser.get(question(), headers={"sec-fetch-mode": "cors"})
    assert (answer.status_code, answer.json()["reason"]) == (403, "not_granted")


def test_nobody_signs_in_first(public: Segment, tls: Settings) -> None:
    answer = factories.browser().get(question())
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={quote(question(), safe='/')}")
    assert not ApplicationTicket.objects.exists()


def test_whoever_has_to_prove_more_does_and_comes_back(browser: Client, alice: User, public: Segment) -> None:
    public.reauth_after = timedelta(minutes=15)
    public.save()
    TOTPDevice.objects.update(last_step=-1)
    factories.verified_ago(browser, minutes=16)
    answer = browser.get(question())
    assert (answer.status_code, answer["Location"]) == (302, f"/login/verify/?next={quote(question(), safe='/')}")
    assert not ApplicationTicket.objects.exists()
    device = TOTPDevice.objects.get(user=alice)
    answer = browser.post(answer["Location"], {"code": factories.code(device), "next": question()})
    assert (answer.status_code, answer["Location"]) == (302, question())
    assert way_of(browser.get(answer["Location"]).content.decode()).startswith(f"https://{HOST}/.zt/enter?ticket=")


# ---------------------------------------------------------------- the whole round
@pytest.fixture
def application(transactional_db: None, tls: Settings) -> Iterator[ApplicationBrowser]:
    tls.ZT_DECISION_THREADS = 1
    found = ApplicationBrowser(HOST)
    yield found
    found.close()


def at_portal(address: str) -> str:
    assert address.startswith(f"{PORTAL}/")
    return address.removeprefix(PORTAL)


def at_host(address: str) -> str:
    assert address.startswith(f"https://{HOST}/")
    return address.removeprefix(f"https://{HOST}")


def test_the_whole_round(application: ApplicationBrowser, public: Segment, alice: User) -> None:
    """To the application, to the sign-in, back to the very page, and out."""
    status, headers, _ = application.go("/books?page=2")
    assert (status, at_host(headers["location"])) == (302, f"/.zt/start?rd={quote(PAGE, safe='')}")
    status, headers, _ = application.go(at_host(headers["location"]))
    assert (status, list(application.cookies)) == (302, ["__Host-zt-start"])
    entrance = at_portal(headers["location"])
    portal = factories.browser()
    assert portal.get(entrance)["Location"].startswith("/login/?next=/enter/")
    factories.sign_in(portal, alice)
    way = at_host(way_of(portal.get(entrance).content.decode()))
    status, headers, _ = application.go(way)
    assert (status, headers["location"]) == (303, PAGE)
    status, headers, _ = application.go(at_host(headers["location"]))
    assert (status, headers["remote-user"], headers["x-zt-segment"]) == (200, "alice", "public")
    assert application.go(way)[0] == 403  # once
    assert application.go("/books", method="POST")[0] == 403  # read only
    status, _, page = application.go("/.zt/sign-out")
    assert (status, '<form method="post" action="/.zt/sign-out"' in page) == (200, True)
    cookie = application.cookies["__Host-zt-app"]
    assert application.go("/.zt/sign-out", ("origin", f"https://{HOST}"), method="POST")[0] == 200
    assert "__Host-zt-app" not in application.cookies
    assert application.go("/books?page=2")[0] == 302
    application.cookies["__Host-zt-app"] = cookie
    assert application.go("/books?page=2")[0] == 302
    assert portal.get("/")["Location"] == "/login/?next=/"
    assert Session.objects.get().ended_at is not None


def test_a_browser_that_keeps_no_cookies_is_not_led_round_in_circles(
    application: ApplicationBrowser, public: Segment, alice: User
) -> None:
    portal = factories.browser()
    factories.sign_in(portal, alice)
    _, headers, _ = application.go(f"/.zt/start?rd={PAGE}")
    way = at_host(way_of(portal.get(at_portal(headers["location"])).content.decode()))
    application.cookies.clear()
    status, headers, page = application.go(way)
    assert (status, "location" in headers, "Your browser kept nothing on the way" in page) == (403, False, True)


def test_a_ticket_in_another_browser_leads_nowhere(
    application: ApplicationBrowser, public: Segment, alice: User
) -> None:
    """Whoever lures alice to the portal with a challenge of their own gets her ticket used up by nobody."""
    portal = factories.browser()
    factories.sign_in(portal, alice)
    lured = portal.get(question(challenge=challenge_of(new_secret())))
    application.go("/.zt/start")
    assert application.go(at_host(way_of(lured.content.decode())))[0] == 403
    assert "__Host-zt-app" not in application.cookies


def test_a_file_that_is_none_of_ours_is_not_found(application: ApplicationBrowser) -> None:
    assert application._call("GET", "/favicon.ico", ())[0] == 404


def test_more_than_can_wait_are_refused_at_once(application: ApplicationBrowser) -> None:
    """No queue without end, which would answer late what nobody waits for any more."""
    while application.point._places.acquire(blocking=False):
        pass
    status, headers, body = application.go("/books")
    assert (status, headers["cache-control"], body) == (403, "no-store", '{"allowed": false, "reason": "policy_error"}')
    application.point._places.release()
    assert application.go("/.zt/sign-out")[0] == 200
