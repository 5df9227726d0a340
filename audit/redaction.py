"""Secrets that must not reach the ledger (OWASP ASVS 16.2.5). A last net: callers leave them out in the first place."""

import re

REDACTED = "[redacted]"

# Both run over canonical JSON and end before a quotation mark, so the JSON stays whole.
_KEY = re.compile(
    r'("[\w-]*(?:password|passwd|passphrase|secret|token|api_?key|authorization|cookie)":")(?:[^"\\]|\\.)+',
    re.ASCII | re.IGNORECASE,
)
_PARAMETER = re.compile(
    r"((?<![\w-])(?:[\w-]*(?:password|passwd|passphrase|secret|token|api_?key)|code|otp|pin|samlresponse)="
    r'|\b(?:bearer|basic|digest|negotiate|dpop) +)[^"\\&;\s]+',
    re.ASCII | re.IGNORECASE,
)
# Every match holds one of these. Looking for them takes a tenth of the time, and nearly no entry has one.
_MARKS = (
    *("passw", "passphrase", "secret", "token", "apikey", "api_key", "authorization", "cookie"),
    *("code=", "otp=", "pin=", "samlresponse=", "bearer ", "basic ", "digest ", "negotiate ", "dpop "),
)


def redacted(text: str) -> str:
    """Canonical JSON without the values of secret keys, secret parameters and authorization headers."""
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return text
    return _PARAMETER.sub(rf"\1{REDACTED}", _KEY.sub(rf"\1{REDACTED}", text))
