"""`manage.py test`: labels and options in pytest's words, then real runs in a small project with its exit codes."""

import os
import re
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest

from ztproject.test_runner import TestRunner, path_of

CHECKOUT = Path(__file__).resolve().parents[2]
SETTINGS = """
SECRET_KEY = "only for this small project"
NAMES = {"NAME": "db.sqlite3", "TEST": {"NAME": "test.sqlite3"}}
TEST_RUNNER = "ztproject.test_runner.TestRunner"
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", **NAMES}}
"""
CONFIGURATION = """
[pytest]
DJANGO_SETTINGS_MODULE = settings
testpaths = tests
pythonpath = .
addopts = --import-mode=importlib
django_find_project = false
markers =
    quick
    late
"""
ROLES = """
import os, pytest
from django.test import SimpleTestCase, TestCase
from django.db import connection

class GrantTests(SimpleTestCase):
    def test_grant_opens(self): pass
    def test_no_grant_denies(self): pass

class DatabaseTests(TestCase):
    def test_database_answers(self): connection.cursor().execute("select 1")

@pytest.mark.quick
def test_expired_denies(): pass

@pytest.mark.quick
@pytest.mark.late
def test_late_denies(): pass
"""
FAILING = """
def test_first(): assert False
def test_second(): assert False
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("project")
    (folder / "settings.py").write_text(SETTINGS)
    (folder / "pytest.ini").write_text(CONFIGURATION)
    for path, text in {"tests/roles/test_roles.py": ROLES, "failing/test_failing.py": FAILING}.items():
        (folder / path).parent.mkdir(parents=True)
        (folder / path).write_text(text)
    return folder


def manage_test(project: Path, *arguments: str) -> tuple[int, dict[str, int] | str]:
    """The exit code and pytest's counts of a run, or what it printed instead."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST", "DJANGO"))}
    run = subprocess.run(
        [sys.executable, "-m", "django", "test", *arguments],
        cwd=project,
        env=inherited | {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": f"{project}{os.pathsep}{CHECKOUT}"},
        capture_output=True,
        text=True,
        check=False,
    )
    counts = {word: int(number) for number, word in re.findall(r"(\d+) (passed|failed|deselected)", run.stdout)}
    return run.returncode, counts or run.stdout + run.stderr


@pytest.mark.parametrize(
    ("label", "path"),
    [
        (".", "tests"),
        ("tests", "tests"),
        ("tests.roles", "tests/roles"),
        ("roles", "tests/roles"),
        ("roles.test_roles", "tests/roles/test_roles.py"),
        ("roles.test_roles.GrantTests", "tests/roles/test_roles.py::GrantTests"),
        (
            "tests.roles.test_roles.GrantTests.test_grant_opens",
            "tests/roles/test_roles.py::GrantTests::test_grant_opens",
        ),
        ("tests/roles", "tests/roles"),
        ("tests/roles/test_roles.py::GrantTests", "tests/roles/test_roles.py::GrantTests"),
        ("failing.test_failing.test_second", "failing/test_failing.py::test_second"),
        ("roles.test_nowhere", "roles.test_nowhere"),
    ],
)
def test_label_leads_to_its_path(project: Path, monkeypatch: pytest.MonkeyPatch, label: str, path: str) -> None:
    monkeypatch.chdir(project)

    assert path_of(label) == path


@pytest.mark.parametrize(
    ("options", "selection"),
    [
        ([], []),
        (["-k", "grant"], ["-k=((grant))"]),
        (["-k", "test_*_denies", "-k", "late"], ["-k=((test_ and _denies) or (late))"]),
        (["-k", "grant and not late"], ["-k=((grant and not late))"]),
        (["--tag", "quick"], ["-m=(quick)"]),
        (["--tag", "quick", "--tag", "late"], ["-m=(quick or late)"]),
        (["--exclude-tag", "late", "--exclude-tag", "slow"], ["-m=not late and not slow"]),
        (["--tag", "quick", "--exclude-tag", "late"], ["-m=(quick) and not late"]),
        (["--parallel", "3"], ["--numprocesses=3"]),
        (["--parallel", "1"], []),
    ],
)
def test_options_in_the_words_of_pytest(options: list[str], selection: list[str]) -> None:
    parser = ArgumentParser()
    TestRunner.add_arguments(parser)

    assert TestRunner(**vars(parser.parse_args(options))).selection() == selection


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--parallel", "2"], (0, {"passed": 5})),
        (["roles.test_roles.GrantTests", "-k", "opens", "--noinput", "-v", "2"], (0, {"passed": 1, "deselected": 1})),
        (["--tag", "quick", "--exclude-tag", "late"], (0, {"passed": 1, "deselected": 4})),
        (["failing"], (1, {"failed": 2})),
        (["failing", "--failfast"], (1, {"failed": 1})),
        (["-k", "nothing_has_this_name"], (1, {"deselected": 5})),
    ],
    ids=str,
)
def test_run_counts_and_exit_code(project: Path, arguments: list[str], expected: tuple[int, dict[str, int]]) -> None:
    assert manage_test(project, *arguments) == expected


@pytest.mark.slow
def test_keepdb_keeps_the_database_and_a_plain_run_does_not(project: Path) -> None:
    manage_test(project, "--keepdb")
    kept = (project / "test.sqlite3").exists()
    manage_test(project)

    assert (kept, (project / "test.sqlite3").exists()) == (True, False)
