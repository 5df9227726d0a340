"""Text from outside, made harmless for a terminal and for the eye (OWASP ASVS 16.4.1)."""


def visible(text: str) -> str:
    r"""The text with escapes for what is not printable: `\n` for a line feed, `\x1b` for ESC, `\u202e` for a bidi override."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
