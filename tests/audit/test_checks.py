import pytest
from django.core.checks import Error, Tags, run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from audit import triggers
from audit.checks import check_append_only


@pytest.mark.django_db
class TestTriggersMissing:
    def test_nothing_to_say_when_they_are_there(self) -> None:
        assert check_append_only(databases=["default"]) == []

    def test_error_when_they_are_gone(self) -> None:
        triggers.remove(connection)
        names = ", ".join(triggers.missing(connection))
        error = Error(
            f"The ledger in the database `default` can be changed: {names} missing or altered.",
            hint="Run `manage.py audit protect`, then `manage.py audit verify` to see whether anything was changed.",
            id="audit.E001",
        )
        assert check_append_only(databases=["default"]) == [error]
        assert error in run_checks(tags=[Tags.database], databases=["default"])

    def test_nothing_to_say_without_a_database_to_look_at(self) -> None:
        triggers.remove(connection)
        assert check_append_only() == []

    def test_nothing_to_say_before_their_migration(self) -> None:
        """`migrate` runs the checks first: an error here would keep it from creating them."""
        triggers.remove(connection)
        MigrationRecorder(connection).record_unapplied("audit", "0002_append_only")
        assert check_append_only(databases=["default"]) == []
