"""Two applications on two hosts in a real browser, with Envoy as the gateway: in, refused, stolen, and out again."""

import re
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser import pictures
from tests.browser.pressing import press
from tests.browser.signing_in import PASSWORD, enrol
from tests.processes.own import OwnProcess, free_port
from tests.processes.portal import PortalProcess
from tests.proxies.fleet import PROGRAMS, program
from tests.proxies.system import System
from tests.proxies.upstream import Upstream

pytestmark = [pytest.mark.browser, pytest.mark.proxies, pytest.mark.slow]

POLICY = """
version: 1
roles: [{slug: accountant, name: Accountant}]
users: [{username: alice, name: Alice Adams, email: alice@localhost, roles: [accountant]}]
segments:
  - slug: finance
    name: Finance
    resources:
      - {name: ledger, host: ledger.localhost, upstream: UPSTREAM}
      - {name: handbook, host: handbook.localhost, upstream: UPSTREAM}
    grants: [{role: accountant, actions: [read, write]}]
  - slug: people
    name: People
    resources:
      - {name: people, host: people.localhost, upstream: UPSTREAM}
      - {name: board, host: ledger.localhost, path: /board, upstream: UPSTREAM}
"""
CAST = f"""
from accounts.models import User
from tests.proxies import cast
cast.prepare("FILE")
alice = User.objects.get(username="alice")
alice.set_password("{PASSWORD}")
alice.save()
"""
PAGE = "/books/2026?of=all&back=%2Fhome"


class GatewayProcess(OwnProcess):
    """`manage.py gateway` as somebody runs it who has no proxy."""

    NAME = "gateway"

    def command(self) -> list[str]:
        return ["manage.py", "gateway"]

    def is_ready(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0


@dataclass(frozen=True)
class Running:
    """All of it, with the address of each application."""

    system: System
    gateway: GatewayProcess
    upstream: Upstream

    def url(self, name: str, path: str = "/") -> str:
        return f"http://{name}.localhost:{self.gateway.port}{path}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    if program("envoy") is None:
        pytest.skip(f"for want of the package {PROGRAMS['envoy']}")
    folder, upstream, port = tmp_path_factory.mktemp("applications"), Upstream(), free_port()
    policy = folder / "policy.yaml"
    policy.write_text(POLICY.replace("UPSTREAM", f'"http://127.0.0.1:{upstream.port}"'))
    system = System(folder, ZT_GATEWAY_LISTEN=f"127.0.0.1:{port}")
    system.run(CAST.replace("FILE", str(policy)))
    gateway = GatewayProcess(folder)
    gateway.port, gateway.environment = port, system.portal.environment
    try:
        system.start()
        gateway.start()
        yield Running(system, gateway, upstream)
    finally:
        gateway.stop()
        system.stop()
        upstream.close()


@pytest.fixture(scope="module")
def portal(running: Running) -> PortalProcess:
    """Takes the place of the one that other browser tests start."""
    return running.system.portal


@dataclass
class Person:
    """A browser, and every ticket that it was given."""

    page: Page
    tickets: list[str]

    @property
    def context(self) -> BrowserContext:
        return self.page.context

    def cookie(self, name: str, host: str) -> dict[str, Any]:
        found = [cookie for cookie in self.context.cookies() if (cookie["name"], cookie["domain"]) == (name, host)]
        assert len(found) == 1, self.context.cookies()
        return dict(found[0])


@pytest.fixture(scope="module")
def kept() -> list[Any]:
    """The cookies of alice's browser, once she has signed in: a code of her phone is good once in 30 seconds."""
    return []


@pytest.fixture
def alice(running: Running, new_page: Callable[[], Page], kept: list[Any], tmp_path: Path) -> Person:
    """Signed in on the way to her ledger, at the very page that she asked for."""
    page = new_page()
    person = Person(page, [])
    page.on("request", lambda request: person.tickets.append(request.url) if "/.zt/enter?" in request.url else None)
    page.context.add_cookies(kept)
    page.goto(running.url("ledger", PAGE))
    if not kept:
        sign_in(page, tmp_path)
        kept += [cookie for cookie in page.context.cookies() if cookie["domain"] == "localhost"]
    page.wait_for_url(running.url("ledger", PAGE))
    return person


def sign_in(page: Page, folder: Path) -> None:
    """The first time: with a password, and a phone that is enrolled on the way."""
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    assert urlsplit(page.url).path == "/login/"
    page.get_by_label("Username").fill("alice")
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Continue")
    enrol(page, folder)
    page.get_by_role("button", name="I have saved them", exact=True).click()
    page.wait_for_url(f"**{PAGE}")


def told(page: Page) -> dict[str, Any]:
    """What the application says that it was asked."""
    return dict(page.evaluate("JSON.parse(document.body.innerText)"))


def headers_of(page: Page, name: str) -> list[str]:
    return [value for found, value in told(page)["headers"] if found.lower() == name]


def test_the_first_visit_ends_at_the_very_page_and_shows_no_cookie_of_the_portal(
    running: Running, alice: Person
) -> None:
    assert told(alice.page)["target"] == PAGE
    assert headers_of(alice.page, "remote-user") == ["alice"]
    cookie = alice.cookie("zt-app", "ledger.localhost")  # no dot in front: of this host alone
    assert (cookie["httpOnly"], cookie["sameSite"], cookie["path"]) == (True, "Lax", "/")
    portal_key = alice.cookie("zt", "localhost")["value"]
    for seen in running.upstream.seen:
        assert portal_key not in str(seen.head)
        assert "zt=" not in seen.head.value("cookie").replace("zt-app=", "")
    alice.page.goto(running.url("handbook"))
    expect(alice.page).to_have_url(running.url("handbook"))  # signed in already: no page in between
    assert alice.cookie("zt-app", "handbook.localhost")["value"] != cookie["value"]


def test_the_page_in_between_says_where_it_leads(running: Running, alice: Person) -> None:
    """It refreshes itself; here the application does not answer, so that it stays."""
    alice.page.route("**/.zt/enter?*", lambda route: route.fulfill(status=204))
    alice.page.goto(running.url("handbook"))
    expect(alice.page.get_by_role("heading", name="Opening handbook.localhost")).to_be_visible()
    pictures.take(alice.page, "application-opening")
    alice.page.unroute("**/.zt/enter?*")
    press(alice.page, "Continue", "link")
    expect(alice.page).to_have_url(running.url("handbook"))


def test_what_is_not_granted_is_refused_with_its_reason(running: Running, alice: Person) -> None:
    for url, of_application in ((running.url("ledger", "/board/minutes"), True), (running.url("people"), False)):
        answer = alice.page.goto(url)
        assert answer is not None
        assert answer.status == 403
        expect(alice.page.get_by_text("None of your roles opens People.")).to_be_visible()
        assert re.search(r"D-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}", alice.page.inner_text("main"))
        if of_application:
            pictures.take(alice.page, "application-denied")
    kept = {cookie["domain"] for cookie in alice.context.cookies() if cookie["name"] == "zt-app"}
    assert kept == {"ledger.localhost"}


def test_a_stolen_cookie_opens_no_other_host(running: Running, browser: Browser, alice: Person) -> None:
    value = alice.cookie("zt-app", "ledger.localhost")["value"]
    thief = browser.new_context()
    for name in ("ledger", "handbook", "people"):
        thief.add_cookies([{"name": "zt-app", "value": value, "url": running.url(name)}])
    page = thief.new_page()
    page.goto(running.url("ledger", "/x"))
    assert told(page)["target"] == "/x"  # the twin: worth one application
    for name in ("handbook", "people"):
        page.goto(running.url(name, "/x"))
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    thief.close()


def test_a_stolen_ticket_is_worth_nothing(
    running: Running, browser: Browser, alice: Person, new_page: Callable[[], Page]
) -> None:
    ticket = alice.tickets[-1]
    assert urlsplit(ticket).netloc == f"ledger.localhost:{running.gateway.port}"
    thief = new_page()
    answer = thief.goto(ticket)
    assert answer is not None
    assert answer.status == 403
    pictures.take(thief, "application-problem")
    thief.goto(running.url("ledger", "/.zt/start"))  # with a secret of the thief's own
    thief.goto(ticket)
    assert not [cookie for cookie in thief.context.cookies() if cookie["name"] == "zt-app"]
    answer = alice.page.goto(ticket)  # nor twice to herself
    assert answer is not None
    assert answer.status == 403
    alice.page.goto(running.url("ledger", PAGE))
    assert told(alice.page)["target"] == PAGE


OPEN_SOCKET = """address => new Promise(done => {
    const socket = new WebSocket(address)
    socket.onopen = () => { done("open"); socket.close() }
    socket.onerror = () => done("refused")
})"""


def test_a_websocket_opens_to_the_application_s_own_page_alone(running: Running, alice: Person) -> None:
    address = running.url("ledger", "/socket").replace("http:", "ws:")
    page = alice.context.new_page()  # beside the one whose console has to stay empty
    page.goto(running.url("ledger", PAGE))
    assert page.evaluate(OPEN_SOCKET, address) == "open"
    page.goto(f"http://127.0.0.1:{running.upstream.port}/")
    assert page.evaluate(OPEN_SOCKET, address) == "refused"
    page.goto(running.url("handbook"))
    page.wait_for_url(running.url("handbook"))
    assert page.evaluate(OPEN_SOCKET, address) == "refused"


def test_leaving_one_application_ends_all_of_them(running: Running, alice: Person) -> None:
    page = alice.page
    page.goto(running.url("handbook"))
    page.goto(running.url("ledger", "/.zt/sign-out"))
    pictures.take(page, "application-sign-out")
    press(page, "Sign out")
    expect(page.get_by_role("heading", name="You are signed out")).to_be_visible()
    pictures.take(page, "application-signed-out")
    for url in (running.url("ledger", PAGE), running.url("handbook"), running.system.portal.url):
        page.goto(url)
        expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
