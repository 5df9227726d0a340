"""How pages look and are used: readable in light and dark, no wider than a phone, usable by keyboard, on paper too."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.pressing import press
from tests.processes.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIGNED_IN = """
from django.conf import settings
from segments.models import Segment
from tests import factories
from tests.segments import rows

sam = factories.sam(roles=("administrator", "accountant"))
rows.grant(rows.segment("finance"), factories.role("accountant"))
rows.segment("people")
client = factories.browser(SERVER_NAME="localhost")
factories.sign_in(client, sam)
print(client.cookies[settings.SESSION_COOKIE_NAME].value)
"""
PAGES = ("/", "/segments/finance/", "/segments/people/", "/account/", "/account/password/", "/account/codes/")
ADMIN = ("/admin/", "/admin/accounts/user/", "/admin/accounts/user/1/change/", "/admin/audit/entry/")
WEAK_TEXTS = (Path(__file__).parent / "readable.js").read_text()
SCHEMES: Final[tuple[Literal["light", "dark"], ...]] = ("light", "dark")
WIDTH = "document.documentElement.scrollWidth"
GOOD = {"weak in light": [], "weak in dark": [], "width": 320}


@pytest.fixture(scope="module")
def session_key(portal: PortalProcess) -> str:
    return portal.manage("shell", "--verbosity", "0", "--command", SIGNED_IN).split()[-1]


@pytest.fixture
def page(new_page: Callable[[], Page], portal: PortalProcess, session_key: str) -> Page:
    """A browser in which sam, who may do everything, is signed in."""
    opened = new_page()
    opened.context.add_cookies([{"name": "zt", "value": session_key, "url": portal.url}])
    return opened


def looks(page: Page) -> dict[str, object]:
    """Texts with too little contrast, and how wide the page is where the window has 320 px."""
    found: dict[str, object] = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        found[f"weak in {scheme}"] = page.evaluate(WEAK_TEXTS)
    page.set_viewport_size({"width": 320, "height": 640})
    return found | {"width": page.evaluate(WIDTH)}


def focused(page: Page) -> str:
    """What has the focus, as its tag and id or text."""
    return str(page.evaluate("(at => `${at.tagName} ${at.id || at.textContent.trim()}`)(document.activeElement)"))


@pytest.mark.parametrize("path", [*PAGES, *ADMIN])
def test_is_readable_in_light_and_dark_and_no_wider_than_a_phone(page: Page, path: str) -> None:
    page.goto(path)
    assert looks(page) == GOOD


def test_the_sign_in_is_readable_in_light_and_dark_and_no_wider_than_a_phone(new_page: Callable[[], Page]) -> None:
    page = new_page()
    page.goto("/login/")
    page.get_by_label("Username").fill("nobody")
    page.get_by_label("Password").fill("a wrong password")
    press(page, "Continue")
    expect(page.get_by_role("alert")).to_be_visible()
    assert looks(page) == GOOD


def test_the_skip_link_comes_first_and_leads_to_the_content(page: Page) -> None:
    page.goto("/account/")
    page.keyboard.press("Tab")
    assert focused(page) == "A Skip to the content"
    page.keyboard.press("Enter")
    assert focused(page) == "MAIN content"


def test_errors_take_the_focus_and_lead_to_their_fields(page: Page) -> None:
    page.goto("/account/password/")
    page.get_by_label("Current password").fill("not this one")
    page.get_by_label("New password").fill("abc")
    press(page, "Change the password")
    expect(page.get_by_role("alert")).to_be_focused()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert focused(page) == "INPUT id_new"


def test_the_reference_is_copied_and_that_is_said(page: Page, portal: PortalProcess) -> None:
    allow_clipboard(page.context, portal)
    page.goto("/segments/people/")
    page.get_by_role("button", name="Copy the reference").click()
    expect(page.locator("dd [role=status]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#reference").inner_text()


def test_recovery_codes_are_copied_and_downloaded_one_a_line(page: Page, portal: PortalProcess) -> None:
    allow_clipboard(page.context, portal)
    page.goto("/account/codes/")
    press(page, "Make new codes")
    codes = page.locator("#codes li").all_inner_texts()
    assert len(codes) == 10
    page.get_by_role("button", name="Copy").click()
    expect(page.locator(".card [role=status]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()").split("\n") == codes
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == "ztproject-recovery-codes.txt"
    assert download.value.path().read_text().split("\n") == codes


def test_on_paper_there_are_the_codes_and_no_buttons(page: Page) -> None:
    page.goto("/account/codes/")
    press(page, "Make new codes")
    page.emulate_media(media="print")
    expect(page.locator("#codes li").first).to_be_visible()
    expect(page.get_by_text(re.compile("ztproject, made on .*Each works once."))).to_be_visible()
    assert page.get_by_role("button").count() == 0
    assert page.get_by_role("navigation").count() == 0


def test_a_code_may_be_pasted_with_its_space(page: Page) -> None:
    page.goto("/account/enrol/")
    page.get_by_label("Name").fill("tablet")
    press(page, "Continue")
    field = page.get_by_label("Six-digit code")
    field.focus()
    page.keyboard.insert_text("123 456")
    expect(field).to_have_value("123456")


def allow_clipboard(context: BrowserContext, portal: PortalProcess) -> None:
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=portal.url)
