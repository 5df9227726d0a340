"""What somebody with the database's password, but without the ledger's key, can do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection, transaction

from audit import triggers


@contextmanager
def unprotected() -> Iterator[None]:
    """The triggers are away; whatever happened is kept."""
    triggers.remove(connection)
    yield
    triggers.install(connection)


@contextmanager
def undone() -> Iterator[None]:
    """Whatever happens inside is rolled back."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def execute(sql: str, *parameters: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)


def fetch(sql: str, *parameters: Any) -> Any:
    """The first column of the first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()[0]
