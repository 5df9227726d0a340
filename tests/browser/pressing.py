"""Pressing what leads to another page."""

from typing import Literal

from playwright.sync_api import Locator, Page


def press(within: Page | Locator, name: str, role: Literal["button", "link"] = "button") -> None:
    """Press a button or a link, and wait for the page that answers: a click alone may come back before it is there."""
    page = within if isinstance(within, Page) else within.page
    with page.expect_navigation():
        within.get_by_role(role, name=name, exact=True).click()
