"""The triggers, met with plain SQL: what the database refuses whoever asks."""

import pytest
from django.db import IntegrityError, connection, transaction

from audit import ledger, triggers
from audit.models import Entry
from tests.audit.tampering import execute, undone, unprotected

COLUMNS = "id, at, kind, reference, actor, subject, data, previous_hash, hash"


def values(entry_id: int, reference: str) -> str:
    return f"({COLUMNS}) VALUES ({entry_id}, '2026-11-24 12:00:00', 'decision', '{reference}', '', '', '{{}}', '', '')"


CHANGES = [
    "UPDATE audit_entry SET subject = 'user:mallory' WHERE id = 3",
    "UPDATE audit_entry SET id = 6 WHERE id = 3",
    "DELETE FROM audit_entry WHERE id = 3",
    "DELETE FROM audit_entry",
    f"INSERT INTO audit_entry {values(3, 'D-6')} ON CONFLICT (id) DO UPDATE SET subject = 'user:mallory'",
    f"INSERT INTO audit_entry {values(3, 'D-6')} ON CONFLICT (id) DO NOTHING",
    f"INSERT INTO audit_entry {values(6, 'D-3')} ON CONFLICT (reference) DO UPDATE SET subject = 'user:mallory'",
    f"INSERT INTO audit_entry {values(0, 'D-6')}",
    f"INSERT INTO audit_entry {values(-1, 'D-6')}",
    "DELETE FROM audit_head",
]
SQLITE_CHANGES = [
    f"REPLACE INTO audit_entry {values(3, 'D-6')}",
    f"INSERT OR REPLACE INTO audit_entry {values(3, 'D-3')}",
    f"INSERT OR REPLACE INTO audit_entry {values(6, 'D-3')}",
    f"INSERT OR IGNORE INTO audit_entry {values(3, 'D-6')}",
    "UPDATE OR REPLACE audit_entry SET id = 3 WHERE id = 4",
    "UPDATE OR IGNORE audit_entry SET subject = 'user:mallory' WHERE id = 4",
    f"INSERT INTO audit_entry {values(0, 'D-6').replace('id, ', '', 1).replace('(0, ', '(', 1)}",
    "INSERT OR REPLACE INTO audit_head (id, entry_id, hash, count, mac) VALUES (1, 0, '', 0, '')",
]
POSTGRESQL_CHANGES = [
    "TRUNCATE audit_entry",
    "TRUNCATE audit_entry RESTART IDENTITY CASCADE",
    "TRUNCATE audit_entry, audit_head",
    "TRUNCATE audit_head",
    f"WITH gone AS (DELETE FROM audit_entry RETURNING id) INSERT INTO audit_entry {values(6, 'D-6')}",
    "MERGE INTO audit_entry USING (SELECT 3 AS it) AS other ON id = it WHEN MATCHED THEN DELETE",
]


def stored() -> list[dict[str, object]]:
    return list(Entry.objects.order_by("id").values())


def refused(sql: str) -> None:
    before = stored()
    with pytest.raises(IntegrityError, match=r"^the ledger is append-only: "), transaction.atomic():
        execute(sql)
    assert stored() == before
    assert ledger.verify().ok


@pytest.mark.django_db
@pytest.mark.usefixtures("five")
class TestRefused:
    @pytest.mark.parametrize("sql", CHANGES)
    def test_change(self, sql: str) -> None:
        refused(sql)

    def test_insert_before_the_last(self) -> None:
        execute(f"INSERT INTO audit_entry {values(7, 'D-7')}")
        with (
            pytest.raises(IntegrityError, match=r"^the ledger is append-only: a new entry comes last"),
            transaction.atomic(),
        ):
            execute(f"INSERT INTO audit_entry {values(6, 'D-6')}")
        execute(f"INSERT INTO audit_entry {values(8, 'D-8')}")

    @pytest.mark.sqlite
    @pytest.mark.parametrize("sql", SQLITE_CHANGES)
    def test_change_on_sqlite(self, sql: str) -> None:
        refused(sql)

    @pytest.mark.postgres
    @pytest.mark.parametrize("sql", POSTGRESQL_CHANGES)
    def test_change_on_postgresql(self, sql: str) -> None:
        refused(sql)

    @pytest.mark.postgres
    @pytest.mark.parametrize("sql", ["DELETE FROM audit_entry", "TRUNCATE audit_entry"])
    def test_change_by_a_session_that_acts_as_a_replica(self, sql: str) -> None:
        execute("SET LOCAL session_replication_role = replica")
        refused(sql)

    @pytest.mark.postgres
    def test_insert_out_of_order_behind_a_table_of_the_same_name(self) -> None:
        execute("CREATE TEMPORARY TABLE audit_entry (id bigint, reference text)")
        with pytest.raises(IntegrityError, match="a new entry comes last"), transaction.atomic():
            execute(f"INSERT INTO public.audit_entry {values(3, 'D-6')}")


@pytest.mark.django_db
@pytest.mark.usefixtures("five")
class TestAllowed:
    def test_an_entry_that_comes_last(self) -> None:
        execute(f"INSERT INTO audit_entry {values(6, 'D-6')}")
        assert [row["reference"] for row in stored()] == ["D-1", "D-2", "D-3", "D-4", "D-5", "D-6"]

    def test_an_update_of_the_head(self) -> None:
        execute("UPDATE audit_head SET count = 5")
        assert ledger.verify().ok

    @pytest.mark.parametrize("sql", CHANGES)
    def test_without_the_triggers(self, sql: str) -> None:
        """The twin of every refusal above: it is the triggers that refuse."""
        with undone(), unprotected():
            execute(sql)

    @pytest.mark.sqlite
    @pytest.mark.parametrize("sql", SQLITE_CHANGES)
    def test_without_the_triggers_on_sqlite(self, sql: str) -> None:
        with undone(), unprotected():
            execute(sql)

    @pytest.mark.postgres
    @pytest.mark.parametrize("sql", POSTGRESQL_CHANGES)
    def test_without_the_triggers_on_postgresql(self, sql: str) -> None:
        with undone(), unprotected():
            execute(sql)


@pytest.mark.django_db
class TestInstall:
    def test_twice_is_once(self) -> None:
        triggers.install(connection)
        triggers.install(connection)
        assert triggers.missing(connection) == []

    def test_removing_twice_is_removing_once(self) -> None:
        triggers.remove(connection)
        triggers.remove(connection)
        assert triggers.missing(connection) != []
        triggers.install(connection)
        assert triggers.missing(connection) == []

    @pytest.mark.sqlite
    def test_missing_names_every_trigger_on_sqlite(self) -> None:
        triggers.remove(connection)
        assert triggers.missing(connection) == [
            "audit_entry_in_order",
            "audit_entry_no_delete",
            "audit_entry_no_update",
            "audit_head_no_delete",
            "audit_head_no_replace",
        ]

    @pytest.mark.sqlite
    def test_a_trigger_that_does_nothing_is_missing_on_sqlite(self) -> None:
        execute("DROP TRIGGER audit_entry_no_update")
        execute("CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry BEGIN SELECT 1; END")
        assert triggers.missing(connection) == ["audit_entry_no_update"]

    @pytest.mark.postgres
    def test_missing_names_every_trigger_and_function_on_postgresql(self) -> None:
        triggers.remove(connection)
        assert triggers.missing(connection) == [
            "audit_entry_in_order",
            "audit_entry_no_change",
            "audit_entry_no_truncate",
            "audit_head_no_delete",
            "audit_head_no_truncate",
            "audit_in_order",
            "audit_refuse",
        ]

    @pytest.mark.postgres
    @pytest.mark.parametrize(
        ("sql", "missing"),
        [
            ("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_no_change", ["audit_entry_no_change"]),
            ("ALTER TABLE audit_entry ENABLE TRIGGER audit_entry_no_change", ["audit_entry_no_change"]),
            (
                "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'",
                ["audit_refuse"],
            ),
            ("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_no_change", []),
        ],
    )
    def test_a_trigger_switched_off_is_missing_on_postgresql(self, sql: str, missing: list[str]) -> None:
        execute(sql)
        assert triggers.missing(connection) == missing
