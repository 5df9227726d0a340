"""The version of the stored policy, moved by database triggers on every change, whoever makes it.

The admin, the policy file, another node and plain SQL all count alike. The triggers are installed after every migrate:
SQLite drops them with the table when a migration rebuilds it.
"""

from typing import Final, NamedTuple

from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

WATCHED: Final[dict[str, str]] = {  # table -> what of an UPDATE counts ("" for everything)
    "segments_segment": "",
    "segments_segment_owners": "",
    "segments_resource": "",
    "segments_grant": "",
    "segments_flow": "",
    "accounts_role": "",
    "accounts_user": "username",
    "accounts_serviceaccount": "name",
}

POSTGRESQL_FUNCTION: Final = """
CREATE OR REPLACE FUNCTION segments_move_policy_version() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE segments_policyversion SET version = version + 1, nonce = replace(gen_random_uuid()::text, '-', '');
  RETURN NULL;
END $$;
"""


class Version(NamedTuple):
    """A counter for people and a nonce that never comes back."""

    number: int
    nonce: str


def read(using: str = "default") -> Version:
    """The version as committed (or as changed in the open transaction). Raises LookupError where none is stored."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT version, nonce FROM segments_policyversion WHERE id = 1")
        row = cursor.fetchone()
    if row is None:
        raise LookupError("no policy version is stored: run `manage.py migrate`")
    return Version(*row)


def install(connection: BaseDatabaseWrapper) -> None:
    """Create the triggers that are missing."""
    statements = _postgresql() if connection.vendor == "postgresql" else _sqlite()
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _sqlite() -> list[str]:
    moved = "UPDATE segments_policyversion SET version = version + 1, nonce = lower(hex(randomblob(16)));"
    return [
        f"CREATE TRIGGER IF NOT EXISTS {table}_{name}_moves_policy AFTER {event} ON {table} "
        f"{f'WHEN OLD.{column} IS NOT NEW.{column}' if column else ''} BEGIN {moved} END"
        for table, column in WATCHED.items()
        for name, event in _events(column)
    ]


def _postgresql() -> list[str]:
    return [POSTGRESQL_FUNCTION] + [
        f"CREATE OR REPLACE TRIGGER {table}_{name}_moves_policy AFTER {event} ON {table} "
        f"{f'FOR EACH ROW WHEN (OLD.{column} IS DISTINCT FROM NEW.{column})' if column else 'FOR EACH STATEMENT'} "
        "EXECUTE FUNCTION segments_move_policy_version()"
        for table, column in WATCHED.items()
        for name, event in [*_events(column), *([] if column else [("truncate", "TRUNCATE")])]
    ]


def _events(column: str) -> list[tuple[str, str]]:
    """The events that count, each with its name: all of them, or only a change of one column."""
    if column:
        return [("update", f"UPDATE OF {column}")]
    return [(event.lower(), event) for event in ("INSERT", "UPDATE", "DELETE")]
