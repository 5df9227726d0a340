"""What holds for every test: a database of its own, cheap password hashes, and no silent skip where none is allowed."""

import os
import shutil
from collections.abc import Generator
from pathlib import Path
from typing import TypeVar

import pytest
from django.conf import settings
from django.contrib.auth.hashers import BCryptSHA256PasswordHasher, get_hasher
from django.db import connection

pytest_plugins = ["tests.ledger_flush", "tests.staff_fixtures"]

CHROMIUM = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
PHONE = {"oathtool": "oathtool", "zbarimg": "zbar-tools"}  # programs and their packages
MISSING = ([] if CHROMIUM else ["chromium"]) + [PHONE[name] for name in PHONE if not shutil.which(name)]
MISSING_TEXT = f"for want of the packages {', '.join(MISSING)}"
Report = TypeVar("Report", pytest.TestReport, pytest.CollectReport)
OTHER_DATABASE = {"sqlite": "postgres", "postgresql": "sqlite"}


def pytest_report_header() -> list[str]:
    left_out = OTHER_DATABASE[connection.vendor]
    return [
        f"database: {connection.vendor}, without the tests marked `{left_out}` (DATABASE_URL chooses)",
        f"browser: skips the tests marked `browser`, {MISSING_TEXT}" if MISSING else f"browser: {CHROMIUM}",
    ]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is about the other database; skip browser tests where there is no browser; begin with the long."""
    for item in items:
        if MISSING and item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.skip(reason=MISSING_TEXT))
    items.sort(key=lambda item: item.get_closest_marker("long") is None)
    elsewhere = [item for item in items if item.get_closest_marker(OTHER_DATABASE[connection.vendor])]
    if elsewhere:
        config.hook.pytest_deselected(items=elsewhere)
        items[:] = [item for item in items if item not in elsewhere]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    return failed_where_ci_skips((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    return failed_where_ci_skips((yield))


def failed_where_ci_skips(report: Report) -> Report:
    """Where CI is set, a test or module that skips has failed: nothing is left unproven in silence."""
    if os.environ.get("CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"CI allows no skip: {reason}"
    return report


@pytest.fixture(scope="session")
def django_db_modify_db_settings(
    django_db_keepdb: bool, pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Name the test database after this process, or only after its worker when the database is to be kept.

    On SQLite it is a file: in memory there is no WAL, and threads meet table locks that production never shows.
    """
    database = settings.DATABASES["default"]
    parts = ["test", os.environ.get("PYTEST_XDIST_WORKER", ""), "" if django_db_keepdb else str(os.getpid())]
    name = "_".join(filter(None, parts))
    if connection.vendor == "sqlite":
        folder = pytestconfig.cache.mkdir("databases") if django_db_keepdb else tmp_path_factory.mktemp("databases")
        database["TEST"]["NAME"] = str(folder / f"{name}.sqlite3")
    else:
        database["TEST"]["NAME"] = f"{name}_{database['NAME']}"


@pytest.fixture(scope="session", autouse=True)
def cheap_password_hashes() -> None:
    """Four bcrypt rounds, its least, for this process; the class keeps the number production uses."""
    hasher = get_hasher()
    assert isinstance(hasher, BCryptSHA256PasswordHasher)
    hasher.rounds = 4


@pytest.fixture(scope="session")
def chromium() -> Path:
    """The installed browser, for tests marked `browser`."""
    assert CHROMIUM is not None
    return Path(CHROMIUM)
