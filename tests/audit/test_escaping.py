import pytest

from audit.escaping import visible


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("x\r\n2026-01-01 allow root /finance", r"x\r\n2026-01-01 allow root /finance"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\0c\x7f\x9b", r"a\tb\x00c\x7f\x9b"),
        ("\u202efdp.exe\u2028", r"\u202efdp.exe\u2028"),
        ("\udcff", r"\udcff"),
        ("\U000e0041", r"\U000e0041"),
        ("été 日本 /finance?a=1", "été 日本 /finance?a=1"),
        ("", ""),
    ],
)
def test_only_what_cannot_be_printed_is_escaped(text: str, shown: str) -> None:
    assert visible(text) == shown
