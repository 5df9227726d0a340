"""Pressing what leads to another page."""

from typing import Literal

from playwright.sync_api import Page


def press(page: Page, name: str, role: Literal["button", "link"] = "button") -> None:
    """Press a button or a link, and wait for the page that answers: a click alone may come back before it is there."""
    with page.expect_navigation():
        page.get_by_role(role, name=name, exact=True).click()
