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
# A token of a service account, wherever it stands: longer than the beginning that lists show of it.
_SERVICE_TOKEN = re.compile(r"zts(?:_|%5f)[0-9a-z]{16,}", re.ASCII | re.IGNORECASE)
# Every match holds one of these. Looking for them takes a tenth of the time, and nearly no entry has one.
_MARKS = (
    *("passw", "passphrase", "secret", "token", "apikey", "api_key", "authorization", "cookie"),
    *("code=", "otp=", "pin=", "samlresponse=", "bearer ", "basic ", "digest ", "negotiate ", "dpop "),
    *("zts_", "zts%5f"),
)


def redacted(text: str) -> str:
    """Canonical JSON without the values of secret keys, secret parameters, authorization headers and service tokens."""
    lowered = text.lower()
    if not any(mark in lowered for mark in _MARKS):
        return text
    kept = _PARAMETER.sub(rf"\1{REDACTED}", _KEY.sub(rf"\1{REDACTED}", text))
    return _SERVICE_TOKEN.sub(REDACTED, kept)
