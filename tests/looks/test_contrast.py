"""The colours of static/css/frame.css against WCAG 2.2.

Text has at least 4.5 : 1 (SC 1.4.3), the edges of controls and the focus 3 : 1 (SC 1.4.11).
"""

import re
from pathlib import Path

import pytest

SHEET = (Path(__file__).resolve().parents[2] / "static/css/frame.css").read_text()
PALETTES = ("light", "dark")
TEXT = [(ink, ground) for ground in ("bg", "surface", "sunken") for ink in ("ink", "soft", "accent", "accent-strong")]
TEXT += [(ink, ground) for ground in ("bg", "surface") for ink in ("good", "warn", "bad")]
TEXT += [(meaning, f"{meaning}-bg") for meaning in ("good", "warn", "bad")]
TEXT += [(ink, f"{tint}-bg") for tint in ("good", "warn", "bad", "info") for ink in ("ink", "soft")]
TEXT += [("accent-ink", "accent"), ("accent-ink", "accent-strong"), ("accent", "info-bg")]
EDGES = [(line, ground) for ground in ("bg", "surface") for line in ("edge", "focus", "bad")]


def palette(name: str) -> dict[str, str]:
    """The colour tokens of one mode: the dark ones over the light ones."""
    light = _tokens(SHEET[: SHEET.index("@media")])
    dark = SHEET[SHEET.index("prefers-color-scheme: dark") : SHEET.index("prefers-contrast")]
    return light if name == "light" else light | _tokens(dark)


def _tokens(text: str) -> dict[str, str]:
    return dict(re.findall(r"--([\w-]+): (#[0-9a-f]{3,6})", text))


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, “contrast ratio”."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def _luminance(colour: str) -> float:
    digits = colour.removeprefix("#")
    pairs = [digit * 2 for digit in digits] if len(digits) == 3 else re.findall("..", digits)
    channels = [int(pair, 16) / 255 for pair in pairs]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=0.001)  # the grey that just fails


@pytest.mark.parametrize("mode", PALETTES)
def test_text_is_readable(mode: str) -> None:
    colours = palette(mode)
    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in TEXT}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 4.5} == {}


@pytest.mark.parametrize("mode", PALETTES)
def test_edges_of_controls_are_visible(mode: str) -> None:
    colours = palette(mode)
    weak = {pair: contrast(colours[pair[0]], colours[pair[1]]) for pair in EDGES}
    assert {pair: ratio for pair, ratio in weak.items() if ratio < 3} == {}
