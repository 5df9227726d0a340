"""A URL as a person writes it, turned into the target a proxy would report."""

import re
from typing import Final

from .model import WebTarget

_URL: Final = re.compile(r"https?://([^/?#\\]*)(.*)", re.DOTALL | re.IGNORECASE | re.ASCII)


def web_target(url: str, method: str) -> WebTarget:
    """What a request for `url` asks for. The path stays as it was received: reading it is the engine's part.

    Raises ValueError for what is no http or https URL with a host.
    """
    found = _URL.fullmatch(url)
    if found is None or not found[1]:
        raise ValueError(f"`{url[:200]}` is not a URL: write https://host/path")
    path = found[2] if found[2].startswith(("/", "\\")) else f"/{found[2]}"
    return WebTarget(host=found[1], path=path, method=method)
