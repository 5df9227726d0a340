"""The steps of a sign-in, as a person takes them."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.phone import Phone
from tests.browser.pressing import press

PASSWORD = "wren sand Quill 58 pebble"


def enter_password(page: Page, username: str, path: str = "/") -> None:
    page.goto(path)
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    press(page, "Continue")


def enrol(page: Page, folder: Path) -> tuple[Phone, list[str]]:
    """Scan the QR code from the screen, confirm it, and note the recovery codes."""
    phone = Phone()
    page.screenshot(path=folder / "enrol.png", full_page=True)
    phone.scan(folder / "enrol.png")
    page.get_by_label("Six-digit code").fill(phone.code())
    press(page, "Verify")
    codes = re.findall(r"\b(?:[A-Z2-7]{4}-){5}[A-Z2-7]{4}\b", page.inner_text("main"))
    return phone, codes
