"""The ledger: what happened, in the order in which it happened, so that nobody changes it unnoticed.

`record` is called before an answer leaves: no record, no allow. `verify` reads the whole chain again.
"""

import json
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db import Error, connection, transaction
from django.db.backends.utils import CursorWrapper
from django.utils import timezone

from audit import chain
from audit.models import Entry, Head
from audit.redaction import redacted
from audit.verification import Verification, verify

__all__ = ["LedgerError", "Verification", "begin", "new_reference", "record", "verify"]

LONGEST_TEXT = 150
LONGEST_DATA = 64 * 1024  # of canonical JSON
NOTHING: Mapping[str, Any] = MappingProxyType({})

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_KIND = re.compile(r"(?=.{1,50}\Z)[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)*")
_REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,40}")

# Written out: this runs on every request, and the model layer would double the time.
_READ_HEAD = "SELECT entry_id, hash, count, mac FROM audit_head WHERE id = 1"
_INSERT_ENTRY = (
    "INSERT INTO audit_entry (id, at, kind, reference, actor, subject, data, previous_hash, hash)"
    " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
)
_MOVE_HEAD = "UPDATE audit_head SET entry_id = %s, hash = %s, count = %s, mac = %s WHERE id = 1"


class LedgerError(Exception):
    """An entry could not be written: what it tells of must not happen."""


def new_reference(prefix: str = "D") -> str:
    """A reference that can be read out, `D-7K3F-9QXM-4T2B`: 60 random bits in Crockford's base 32."""
    bits = secrets.randbits(60)
    text = "".join(_CROCKFORD[bits >> shift & 31] for shift in range(0, 60, 5))
    return f"{prefix}-{text[:4]}-{text[4:8]}-{text[8:]}"


def record(
    *,
    kind: str,
    actor: str = "",
    subject: str = "",
    data: Mapping[str, Any] = NOTHING,
    reference: str = "",
    at: datetime | None = None,
) -> Entry:
    """Append one entry and return it. Joins an open transaction: both are written, or neither is.

    The head stays locked until that transaction ends, so call this last in it. `at` is aware; now, if left out.
    `actor` and `subject` hold 150 characters; NUL and lone surrogates, which PostgreSQL cannot store, become escapes.
    Raises LedgerError.
    """
    at = at or timezone.now()
    if timezone.is_naive(at):
        raise LedgerError(f"bad time `{at}` in ledger entry of kind `{kind}`: it has no time zone")
    texts = (
        _matching(_KIND, "kind", kind),
        _matching(_REFERENCE, "reference", reference or new_reference("E")),
        _text("actor", actor),
        _text("subject", subject),
        _data(data),
    )
    try:
        with transaction.atomic(savepoint=False), connection.cursor() as cursor:
            return _append(cursor, at, texts)
    except Error as error:
        raise LedgerError(f"the ledger cannot be written: {error}") from error


def begin(using: str) -> None:
    """Write the head of a ledger that has neither head nor entries."""
    if not Head.objects.using(using).exists() and not Entry.objects.using(using).exists():
        mac = chain.head_mac(settings.ZT_LEDGER_KEY, entry_id=0, entry_hash=chain.GENESIS, count=0)
        Head.objects.using(using).create(entry_id=0, hash=chain.GENESIS, count=0, mac=mac)


def _append(cursor: CursorWrapper, at: datetime, texts: tuple[str, str, str, str, str]) -> Entry:
    key = settings.ZT_LEDGER_KEY
    last_id, last_hash, count = _locked_head(cursor, key)
    content = chain.Content(last_id + 1, chain.timestamp(at), *texts, last_hash)
    entry_hash = chain.entry_hash(key, content)
    stored_at = connection.ops.adapt_datetimefield_value(at)
    cursor.execute(_INSERT_ENTRY, [content.id, stored_at, *texts, last_hash, entry_hash])
    mac = chain.head_mac(key, entry_id=content.id, entry_hash=entry_hash, count=count + 1)
    cursor.execute(_MOVE_HEAD, [content.id, entry_hash, count + 1, mac])
    return _entry(content, at, entry_hash)


def _entry(content: chain.Content, at: datetime, entry_hash: str) -> Entry:
    names = [field.attname for field in Entry._meta.concrete_fields]
    values = (content.id, at, *content[2:6], json.loads(content.data), content.previous_hash, entry_hash)
    return Entry.from_db(connection.alias, names, values)


def _locked_head(cursor: CursorWrapper, key: bytes) -> tuple[int, str, int]:
    """The last entry's id and hash and the number of entries. Whoever comes second waits here.

    On SQLite the transaction holds the only write lock from its beginning (`transaction_mode` IMMEDIATE).
    """
    cursor.execute(f"{_READ_HEAD} FOR UPDATE" if connection.features.has_select_for_update else _READ_HEAD)
    row = cursor.fetchone()
    if row is None:
        raise LedgerError("the ledger has no head: run `manage.py migrate`, then `manage.py audit verify`")
    entry_id, entry_hash, count, mac = row
    # Continuing after a forged head would give it a true hash, and hide what was cut off before it.
    if mac != chain.head_mac(key, entry_id=entry_id, entry_hash=entry_hash, count=count):
        raise LedgerError(
            "the head of the ledger was changed, or ZT_LEDGER_KEY is not the key it was written with: "
            "run `manage.py audit verify`"
        )
    return entry_id, entry_hash, count


def _matching(pattern: re.Pattern[str], name: str, text: str) -> str:
    if not pattern.fullmatch(text):
        raise LedgerError(f"bad {name} `{text}` in ledger entry: it does not match `{pattern.pattern}`")
    return text


def _text(name: str, text: str) -> str:
    stored = text.encode("utf-8", "backslashreplace").decode().replace("\0", r"\x00")
    if len(stored) > LONGEST_TEXT:
        raise LedgerError(f"{name} of {len(stored)} characters in ledger entry: at most {LONGEST_TEXT} fit")
    return stored


def _data(data: Mapping[str, Any]) -> str:
    try:
        text = redacted(chain.canonical(dict(data)))
    except (TypeError, ValueError, RecursionError) as error:
        raise LedgerError(f"data in ledger entry is not JSON: {error}") from error
    if len(text) > LONGEST_DATA:
        raise LedgerError(f"data of {len(text)} bytes in ledger entry: at most {LONGEST_DATA} fit")
    return text
