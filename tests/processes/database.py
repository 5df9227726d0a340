"""A database of its own, in which the tests of a module commit as they like."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

from django.core.management import call_command
from django.db import connection


@contextmanager
def own_database(folder: Path) -> Iterator[str]:
    """Until the end of the block `connection` leads to a new one. Yields what DATABASE_URL names it by."""
    is_file = connection.vendor == "sqlite"
    known = connection.settings_dict["NAME"]
    name = str(folder / "own.sqlite3") if is_file else f"test_own_{uuid4().hex[:12]}"
    if not is_file:
        _administer(f'CREATE DATABASE "{name}"')
    connection.close()
    connection.settings_dict["NAME"] = name
    try:
        call_command("migrate", verbosity=0)
        yield _url(name)
    finally:
        connection.close()
        connection.settings_dict["NAME"] = known
        if not is_file:
            _administer(f'DROP DATABASE "{name}" WITH (FORCE)')


def _administer(statement: str) -> None:
    with connection._nodb_cursor() as cursor:
        cursor.execute(statement)


def _url(name: str) -> str:
    if connection.vendor == "sqlite":
        return f"sqlite:///{name}"
    at = connection.settings_dict
    secret = f":{at['PASSWORD']}" if at["PASSWORD"] else ""
    return f"postgres://{at['USER']}{secret}@{at['HOST']}:{at['PORT'] or 5432}/{name}"
