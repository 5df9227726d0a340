"""A test run has a database of its own, so that two runs side by side do not meet."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.db import connection

CHECKOUT = Path(__file__).resolve().parents[2]


@pytest.mark.django_db
def test_database_is_named_after_its_process(django_db_keepdb: bool) -> None:
    assert (str(os.getpid()) in Path(connection.settings_dict["NAME"]).name) is not django_db_keepdb


@pytest.mark.django_db
@pytest.mark.sqlite
def test_sqlite_is_a_file_with_a_write_ahead_log() -> None:
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA journal_mode")
        assert cursor.fetchone() == ("wal",)
    assert Path(connection.settings_dict["NAME"]).is_file()


@pytest.mark.slow
def test_two_runs_side_by_side_do_not_meet() -> None:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    command = [sys.executable, "manage.py", "test", "ztproject.test_databases", "-k", "process"]
    runs = [
        subprocess.Popen(
            command, cwd=CHECKOUT, env=inherited, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        for _ in range(2)
    ]
    outputs = [run.communicate()[0] for run in runs]

    assert [run.returncode for run in runs] == [0, 0], "\n".join(outputs)
    assert ["1 passed" in output for output in outputs] == [True, True]
