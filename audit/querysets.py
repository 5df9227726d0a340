"""Reads of the ledger: entries as the database stores them, page by page."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Self

from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.sql.compiler import SQLCompiler

from audit import chain

PAGE = 1000
COLUMNS = ("at", "kind", "reference", "actor", "subject", "data", "previous_hash", "hash")


class Stored(models.Func):
    """A column as it is stored: bytes on SQLite, where text may hold anything, the driver's value on PostgreSQL."""

    template = "%(expressions)s"
    arity = 1
    output_field = models.BinaryField()

    def as_sqlite(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, **extra: Any) -> tuple[str, Any]:
        return self.as_sql(compiler, connection, template="CAST(%(expressions)s AS BLOB)", **extra)


class EntryQuerySet(models.QuerySet):
    def newest(self, limit: int) -> Self:
        """The last `limit` entries of this queryset; all when it is 0."""
        if not limit:
            return self
        first = self.order_by("-id").values_list("id", flat=True)[limit - 1 : limit].first()
        return self if first is None else self.filter(id__gte=first)

    def stored(self) -> Iterator[tuple[chain.Content, str]]:
        """Content and hash of every entry, oldest first, exactly as stored, damaged or not.

        Holds one page at a time, and needs no server-side cursor, so it works behind every connection pooler.
        """
        columns = {f"stored_{column}": Stored(column) for column in COLUMNS}
        rows = self.annotate(**columns).order_by("id").values_list("id", *columns)
        page = list(rows[:PAGE])
        while page:
            yield from (_as_stored(*row) for row in page)
            page = list(rows.filter(id__gt=page[-1][0])[:PAGE])


def stored_text(value: bytes | str) -> str:
    """The text of a `Stored` column; bytes that are not UTF-8 become lone surrogates."""
    return value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value


def _as_stored(entry_id: int, at: bytes | datetime, *texts: bytes | str) -> tuple[chain.Content, str]:
    *content, entry_hash = (stored_text(text) for text in texts)
    return chain.Content(entry_id, _stored_time(at), *content), entry_hash


def _stored_time(value: bytes | datetime) -> str:
    """The canonical time; on SQLite, text that Django does not write so stays as it is, and fails the hash."""
    if isinstance(value, datetime):
        return chain.timestamp(value)
    text = stored_text(value)
    try:
        naive = datetime.fromisoformat(text)
    except ValueError:
        return text
    if naive.tzinfo is not None or str(naive) != text:
        return text
    return chain.timestamp(naive.replace(tzinfo=connection.timezone))
