"""Text from outside, made harmless for a terminal and for the eye (OWASP ASVS 16.4.1)."""


def visible(text: str) -> str:
    r"""The text with escapes for what is not printable: a line feed as `\n`, ESC as `\x1b`, a bidi mark as `\u202e`."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)
