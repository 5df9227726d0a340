import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection

from audit import chain, ledger, triggers
from audit.models import Head
from audit.verification import Verification
from tests.audit.tampering import execute


def migrate(name: str) -> None:
    call_command("migrate", "audit", name, verbosity=0)


@pytest.mark.django_db(transaction=True)
class TestMigrations:
    def test_append_only_can_be_taken_back(self) -> None:
        entry = ledger.record(kind="decision")
        with pytest.raises(IntegrityError, match=r"^the ledger is append-only"):
            execute("UPDATE audit_entry SET actor = 'user:mallory'")
        migrate("0001_initial")
        assert triggers.missing(connection) != []
        execute("UPDATE audit_entry SET actor = ''")
        migrate("0002_append_only")
        assert triggers.missing(connection) == []
        assert ledger.verify() == Verification(1, entry.hash)

    def test_ledger_begins_with_its_tables(self) -> None:
        migrate("zero")
        assert "audit_head" not in connection.introspection.table_names()
        migrate("0002_append_only")
        assert Head.objects.values_list("entry_id", "hash", "count").get() == (0, chain.GENESIS, 0)
        assert ledger.verify() == Verification(0, chain.GENESIS)

    def test_migrating_again_changes_nothing(self) -> None:
        entry = ledger.record(kind="decision")
        call_command("migrate", verbosity=0)
        assert ledger.verify() == Verification(1, entry.hash)

    def test_triggers_that_a_migration_dropped_are_put_back(self) -> None:
        """As SQLite does when a migration alters a table."""
        triggers.remove(connection)
        call_command("migrate", verbosity=0, skip_checks=True)
        assert triggers.missing(connection) == []

    def test_a_head_that_was_removed_does_not_come_back_by_migrating(self) -> None:
        ledger.record(kind="decision")
        triggers.remove(connection)
        execute("DELETE FROM audit_head")
        call_command("migrate", verbosity=0, skip_checks=True)
        assert not Head.objects.exists()
