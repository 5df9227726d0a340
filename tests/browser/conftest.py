"""A portal of its own for the browser, and a page that fails the test when the browser complains."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, sync_playwright

from tests.processes.portal import PortalProcess

ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
]  # fmt: skip


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PortalProcess]:
    process = PortalProcess(tmp_path_factory.mktemp("portal"))
    process.manage("migrate", "--verbosity", "0")
    process.start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def browser(chromium: Path) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield started
        started.close()


@pytest.fixture
def complaints() -> list[str]:
    """What the browser said about our pages: violations of the policy, script errors, broken links to files."""
    return []


@pytest.fixture
def new_page(browser: Browser, portal: PortalProcess, complaints: list[str]) -> Iterator[object]:
    """A function that opens a browser for each person. Fails the test if a page made a browser complain."""
    contexts: list[BrowserContext] = []

    def listen(message: ConsoleMessage) -> None:
        refused = "the server responded with a status of 403" in message.text
        if message.type in {"error", "warning"} and not refused:
            complaints.append(f"{message.location.get('url')}: {message.text}")

    def open_page() -> Page:
        context = browser.new_context(base_url=portal.url)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.on("console", listen)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert complaints == []
