"""What makes the ledger append-only in the database itself, whoever is connected.

Entries may only be added, each with an id above all others and a new reference; the head may only be updated.
SQLite drops them when a migration rebuilds a table; they are put back after every `migrate` (`audit.receivers`).
"""

from collections.abc import Iterable

from django.db import transaction
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.recorder import MigrationRecorder

Target = BaseDatabaseWrapper | BaseDatabaseSchemaEditor

_OUT_OF_ORDER = "NEW.id < 1 OR NEW.id <= (SELECT max(id) FROM audit_entry)"
_KNOWN_REFERENCE = "EXISTS (SELECT 1 FROM audit_entry WHERE reference = NEW.reference)"
_ANY_HEAD = "EXISTS (SELECT 1 FROM audit_head)"
_LAST = "a new entry comes last, under a new reference"

# Each with its event and table, its condition, and what it says.
# `INSERT OR REPLACE` deletes without a DELETE trigger unless recursive_triggers is on, so the insert itself is refused.
# NEW.id is -1 when an insert leaves the id to SQLite.
_SQLITE = {
    "audit_entry_no_update": ("UPDATE ON audit_entry", "1", "an entry is never changed"),
    "audit_entry_no_delete": ("DELETE ON audit_entry", "1", "an entry is never deleted"),
    "audit_entry_in_order": ("INSERT ON audit_entry", f"{_OUT_OF_ORDER} OR {_KNOWN_REFERENCE}", _LAST),
    "audit_head_no_delete": ("DELETE ON audit_head", "1", "its head is never deleted"),
    "audit_head_no_replace": ("INSERT ON audit_head", _ANY_HEAD, "its head is never replaced"),
}
_SQLITE_TEXTS = {
    name: f"CREATE TRIGGER {name} BEFORE {event} WHEN {when} "
    f"BEGIN SELECT RAISE(ABORT, 'the ledger is append-only: {message}'); END"
    for name, (event, when, message) in _SQLITE.items()
}
_SQLITE_FOUND = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"

# Each with its event, its table, what it fires for, and its function.
_POSTGRESQL = {
    "audit_entry_no_change": ("UPDATE OR DELETE", "audit_entry", "ROW", "audit_refuse"),
    "audit_entry_no_truncate": ("TRUNCATE", "audit_entry", "STATEMENT", "audit_refuse"),
    "audit_entry_in_order": ("INSERT", "audit_entry", "ROW", "audit_in_order"),
    "audit_head_no_delete": ("DELETE", "audit_head", "ROW", "audit_refuse"),
    "audit_head_no_truncate": ("TRUNCATE", "audit_head", "STATEMENT", "audit_refuse"),
}
_POSTGRESQL_FUNCTIONS = {
    "audit_refuse": """
BEGIN
    RAISE EXCEPTION 'the ledger is append-only: % on % is refused', lower(TG_OP), TG_TABLE_NAME
    USING ERRCODE = 'integrity_constraint_violation';
END""",
    "audit_in_order": f"""
BEGIN
    IF {_OUT_OF_ORDER} THEN
        RAISE EXCEPTION 'the ledger is append-only: {_LAST}' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN NEW;
END""",
}
# `A`: ALWAYS, also under `session_replication_role = replica`, which switches ordinary triggers off.
_POSTGRESQL_TEXTS = _POSTGRESQL_FUNCTIONS | {name: f"A {row[3]}" for name, row in _POSTGRESQL.items()}
_POSTGRESQL_FOUND = """
SELECT tgname, tgenabled::text || ' ' || proname FROM pg_trigger JOIN pg_proc ON pg_proc.oid = tgfoid
WHERE tgrelid IN (to_regclass('audit_entry'), to_regclass('audit_head')) AND NOT tgisinternal
UNION ALL SELECT proname, prosrc FROM pg_proc WHERE pronamespace = current_schema()::regnamespace"""


def install(target: Target) -> None:
    """Create the triggers, anew where they exist, in one transaction. Needs the tables."""
    connection = _connection(target)
    _execute(connection, [*_removing(connection), *_installing(connection)])


def remove(target: Target) -> None:
    """Drop the triggers: for migrating backwards, and for tests that flush their tables."""
    connection = _connection(target)
    _execute(connection, _removing(connection))


def wanted(connection: BaseDatabaseWrapper) -> bool:
    """Whether the migration that creates them is applied."""
    return ("audit", "0002_append_only") in MigrationRecorder(connection).applied_migrations()


def missing(target: Target) -> list[str]:
    """The names of triggers and functions that are absent, switched off, or not as `install` writes them; sorted."""
    connection = _connection(target)
    sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute(_SQLITE_FOUND if sqlite else _POSTGRESQL_FOUND)
        found = dict(cursor.fetchall())
    texts = _SQLITE_TEXTS if sqlite else _POSTGRESQL_TEXTS
    return sorted(name for name, text in texts.items() if found.get(name) != text)


def _installing(connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor == "sqlite":
        return list(_SQLITE_TEXTS.values())
    with connection.cursor() as cursor:
        cursor.execute("SELECT quote_ident(current_schema())")
        (schema,) = cursor.fetchone()
    # A session could put another `audit_entry` before the ledger's; its temporary tables come first unless named last.
    # A plan made while the table was small would go on reading all of it for as long as the session lives.
    header = f"RETURNS trigger LANGUAGE plpgsql SET search_path = {schema}, pg_temp SET enable_seqscan = off"
    statements = [f"CREATE FUNCTION {name}() {header} AS $${body}$$" for name, body in _POSTGRESQL_FUNCTIONS.items()]
    for name, (event, table, each, function) in _POSTGRESQL.items():
        statements += (
            f"CREATE TRIGGER {name} BEFORE {event} ON {table} FOR EACH {each} EXECUTE FUNCTION {function}()",
            f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {name}",
        )
    return statements


def _removing(connection: BaseDatabaseWrapper) -> list[str]:
    if connection.vendor == "sqlite":
        return [f"DROP TRIGGER IF EXISTS {name}" for name in _SQLITE]
    return [f"DROP TRIGGER IF EXISTS {name} ON {row[1]}" for name, row in _POSTGRESQL.items()] + [
        f"DROP FUNCTION IF EXISTS {name}()" for name in _POSTGRESQL_FUNCTIONS
    ]


def _execute(connection: BaseDatabaseWrapper, statements: Iterable[str]) -> None:
    with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)


def _connection(target: Target) -> BaseDatabaseWrapper:
    return target.connection if isinstance(target, BaseDatabaseSchemaEditor) else target
