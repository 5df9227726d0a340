"""Tokens of service accounts in a real browser: issued, copied, not shown again, and readable on a phone."""

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.pressing import press
from tests.processes.portal import PortalProcess

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SIGNED_IN = """
from django.conf import settings
from accounts.models import ServiceAccount
from tests import factories

sam = factories.sam()
ServiceAccount.objects.create(name="billing-batch")
client = factories.browser(SERVER_NAME="localhost")
factories.sign_in(client, sam)
print(client.cookies[settings.SESSION_COOKIE_NAME].value)
"""
WEAK_TEXTS = (Path(__file__).parent / "readable.js").read_text()
WIDTH = "document.documentElement.scrollWidth"
ACCOUNT = "/admin/accounts/serviceaccount/1/change/"


def readable_on_a_phone(page: Page, name: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate(WEAK_TEXTS) == []
    page.emulate_media(color_scheme="light")
    page.set_viewport_size({"width": 390, "height": 800})
    assert page.evaluate(WIDTH) == 390
    if folder := os.environ.get("PICTURES_FOLDER"):  # to look at
        page.screenshot(path=Path(folder) / f"{name}-390.png", full_page=True)
    page.set_viewport_size({"width": 1280, "height": 800})
    if folder:
        page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)


def test_issued_copied_rotated_and_revoked(new_page: Callable[[], Page], portal: PortalProcess) -> None:
    key = portal.manage("shell", "--verbosity", "0", "--command", SIGNED_IN).split()[-1]
    page = new_page()
    page.context.add_cookies([{"name": "zt", "value": key, "url": portal.url}])
    page.context.grant_permissions(["clipboard-read", "clipboard-write"], origin=portal.url)

    page.goto(ACCOUNT)
    press(page, "Issue a token…", "link")
    page.get_by_label("Good for how many days").fill("30")
    page.get_by_label("Networks").fill("10.0.0.0/8")
    page.get_by_label("Reason").fill("nightly run")
    readable_on_a_phone(page, "token-issue")
    press(page, "Issue a token")

    token = page.locator("#token").inner_text()
    assert re.fullmatch(r"zts_[0-9A-Za-z]{39}", token)
    assert token not in page.url
    page.get_by_role("button", name="Copy").click()
    expect(page.locator(".told [role=status]")).to_have_text("Copied")
    assert page.evaluate("navigator.clipboard.readText()") == token
    readable_on_a_phone(page, "token-told")

    press(page, "I have saved it", "link")
    assert token not in page.content()
    press(page, "Rotate…", "link")
    page.get_by_label("Reason").fill("yearly")
    readable_on_a_phone(page, "token-rotate")
    press(page, "Rotate a token")
    press(page, "I have saved it", "link")
    expect(page.get_by_text("replaced, good until then")).to_be_visible()

    page.get_by_role("link", name="Revoke…").first.click()
    page.get_by_label("Reason").fill("leaked")
    press(page, "Revoke a token")
    expect(page.get_by_role("cell", name="revoked", exact=True)).to_be_visible()
    readable_on_a_phone(page, "token-table")
