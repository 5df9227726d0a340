"""The arithmetic of the chain: which bytes of an entry are authenticated, and how. Values in, text out; no database.

Every entry carries the HMAC-SHA256 of its own canonical JSON, in which the hash of the entry before it stands. The head
carries one of its own, so that a ledger whose last entries were cut off does not pass for a whole one.
Canonical JSON is one line: sorted keys, no spaces, everything beyond ASCII as a Unicode escape, so that one value is
the same bytes in every database.
"""

import hmac
import json
from datetime import UTC, datetime
from typing import NamedTuple

GENESIS = "0" * 64  # stands where the hash of an entry before the first one would

canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


class Content(NamedTuple):
    """What an entry's hash covers: each column as text, the data as the canonical JSON that is stored."""

    id: int
    at: str
    kind: str
    reference: str
    actor: str
    subject: str
    data: str
    previous_hash: str


def timestamp(at: datetime) -> str:
    """The canonical text of an aware datetime: UTC, microseconds, `2026-11-24T09:30:00.000000Z`."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").removesuffix("+00:00") + "Z"


def entry_hash(key: bytes, content: Content) -> str:
    """The hash of an entry: hexadecimal HMAC-SHA256 of its canonical JSON."""
    # Written out rather than encoded as a whole: the data is authenticated byte for byte as it is stored.
    text = (
        f'{{"actor":{canonical(content.actor)},"at":{canonical(content.at)},"data":{content.data},"id":{content.id},'
        f'"kind":{canonical(content.kind)},"previous_hash":{canonical(content.previous_hash)},'
        f'"reference":{canonical(content.reference)},"subject":{canonical(content.subject)}}}'
    )
    return _mac(key, text)


def head_mac(key: bytes, *, entry_id: int, entry_hash: str, count: int) -> str:
    """The hash of a head. Its keys differ from an entry's, so that neither can stand in for the other."""
    return _mac(key, canonical({"count": count, "entry_id": entry_id, "hash": entry_hash}))


def _mac(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode("utf-8", "surrogatepass"), "sha256").hex()
