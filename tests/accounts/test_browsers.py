"""What browsers say of themselves, as people name them."""

import pytest

from accounts import browsers

WEBKIT = "AppleWebKit/537.36 (KHTML, like Gecko)"
WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64)"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 26_0 like Mac OS X) AppleWebKit/605.1.15"
MAC = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15"
CHROME = f"{WEBKIT} Chrome/156.0.0.0 Safari/537.36"


@pytest.mark.parametrize(
    ("user_agent", "name"),
    [
        (f"Mozilla/5.0 (X11; Linux x86_64) {CHROME}", "Chrome on Linux"),
        (f"{WINDOWS} {CHROME} Edg/156.0.0.0", "Edge on Windows"),
        (f"{WINDOWS} {CHROME} OPR/120.0.0.0", "Opera on Windows"),
        ("Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:145.0) Gecko/20100101 Firefox/145.0", "Firefox on Windows"),
        (f"{MAC} Version/26.0 Safari/605.1.15", "Safari on Mac"),
        (f"{IPHONE} Safari/604.1", "Safari on iPhone"),
        (f"{IPHONE} CriOS/156.0 Safari/604.1", "Chrome on iPhone"),
        (f"Mozilla/5.0 (Linux; Android 16; Pixel 9) {CHROME}", "Chrome on Android"),
        (f"{WEBKIT} (Android 16) SamsungBrowser/29.0 Chrome/136.0 Safari/537.36", "Samsung Internet on Android"),
        ("Mozilla/5.0 Firefox/145.0", "Firefox"),
        ("curl/8.14.1", "curl/8.14.1"),
        ("x" * 250, "x" * 40),
        ("", "Unknown browser"),
    ],
)
def test_name(user_agent: str, name: str) -> None:
    assert browsers.name(user_agent) == name
