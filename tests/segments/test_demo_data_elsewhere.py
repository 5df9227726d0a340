"""The sample stays away from a database that may be somebody's own."""

import pytest
from django.core.management import CommandError, call_command

from accounts.models import User


@pytest.mark.django_db
@pytest.mark.postgres
def test_it_refuses_any_database_but_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DEBUG")
    with pytest.raises(CommandError, match="the database is not SQLite"):
        call_command("demo_data")
    assert User.objects.count() == 0
