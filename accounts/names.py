"""Usernames as they are stored and compared: one spelling a person."""

import re
import unicodedata
from typing import Final

MAX_LENGTH: Final = 140  # with `service:` in front it fits the ledger's 150 characters
PATTERN: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]*", re.ASCII)


def normalise_username(typed: str) -> str:
    """What `typed` is compared as: NFKC, lower case, no surrounding space. Cut first: NFKC can grow a text 18-fold."""
    return unicodedata.normalize("NFKC", typed[: MAX_LENGTH + 1]).strip().lower()


def is_username(text: str) -> bool:
    return len(text) <= MAX_LENGTH and PATTERN.fullmatch(text) is not None
