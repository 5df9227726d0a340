"""Pictures of the pages for docs/: taken only when asked, `WRITE_PICTURES=1 pytest tests/browser`."""

import os
from pathlib import Path

from playwright.sync_api import Page

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "pictures"
LOOKS = {"": (1100, "light"), "-dark": (1100, "dark"), "-390": (390, "light")}


def take(page: Page, name: str) -> None:
    """The page wide, dark and narrow. Also asserts, pictures or not, that no width scrolls sideways."""
    for suffix, (width, scheme) in LOOKS.items():
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{name} scrolls sideways at {width}"
        )
        if os.environ.get("WRITE_PICTURES"):
            FOLDER.mkdir(parents=True, exist_ok=True)
            page.screenshot(path=FOLDER / f"{name}{suffix}.png", full_page=True)
    page.set_viewport_size({"width": 1100, "height": 800})
    page.emulate_media(color_scheme="light")
