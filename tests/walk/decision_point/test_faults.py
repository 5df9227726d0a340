"""What a decision point answers while something is broken: no, soon; and yes again once it is mended, by itself."""

import os
import resource
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections

from segments.enforcement.proxies import Family
from tests.processes.decision_point import Reply
from tests.segments.enforcement.corpus_cases import scenario
from tests.walk.decision_point.applications import SCRIPT, Cast, Proxies
from tests.walk.decision_point.conftest import Start

pytestmark = pytest.mark.slow

TIMEOUT = 1  # ZT_DECISION_TIMEOUT
THREADS = 2
FAMILIES = (Family.NGINX, Family.ENVOY)
Fault = Callable[[Proxies], AbstractContextManager[object]]


@pytest.fixture(scope="module")
def hurried(start: Start) -> Proxies:
    """Two threads, and a second for each decision."""
    return start(ZT_DECISION_TIMEOUT=str(TIMEOUT), ZT_DECISION_THREADS=str(THREADS))


@pytest.fixture(scope="module")
def apart(start: Start, tmp_path_factory: pytest.TempPathFactory, database: str, cast: Cast) -> Proxies:
    """On a copy of the database, whose file may be broken."""
    copy = tmp_path_factory.mktemp("copy") / "copy.sqlite3"
    with connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(copy)])
    return start(f"sqlite:///{copy}", ZT_DECISION_TIMEOUT=str(TIMEOUT))


def ask(proxies: Proxies, cast: Cast, family: Family = Family.TRAEFIK) -> Reply:
    return proxies.ask(family, *SCRIPT, *cast.cookie("alice"))


def statuses(proxies: Proxies, cast: Cast) -> list[int]:
    """What alice is answered where she may read, and where she may not."""
    probes = [(family, path) for family in FAMILIES for path in ("/public/x", "/finance/report")]
    return [proxies.ask(family, *SCRIPT, *cast.cookie("alice"), path=path).status for family, path in probes]


def is_well(proxies: Proxies, cast: Cast) -> bool:
    return statuses(proxies, cast) == [200, 403] * len(FAMILIES)


def until_well(proxies: Proxies, cast: Cast) -> bool:
    """What was begun during the fault may hold a thread for a moment longer."""
    for _ in range(50):
        if is_well(proxies, cast):
            return True
        time.sleep(0.2)
    return False


# ---------------------------------------------------------------- the database
@contextmanager
def locked() -> Iterator[None]:
    """Somebody else holds what every decision has to write."""
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("BEGIN IMMEDIATE")
        else:
            cursor.execute("BEGIN")
            cursor.execute("LOCK TABLE audit_head IN ACCESS EXCLUSIVE MODE")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def test_a_locked_database_refuses_in_time(hurried: Proxies, cast: Cast) -> None:
    assert is_well(hurried, cast)
    with locked():
        for family in Family:
            begun = time.monotonic()
            found = ask(hurried, cast, family)
            assert (found.status, time.monotonic() - begun < TIMEOUT + 1) == (403, True)
            assert found.value("cache-control") == "no-store"
    assert until_well(hurried, cast)


@scenario("SEC-FAIL-018")
def test_more_than_can_be_decided_are_refused(case: dict[str, Any], hurried: Proxies, cast: Cast) -> None:
    with locked(), ThreadPoolExecutor(150) as pool:
        found = {future.result().status for future in [pool.submit(ask, hurried, cast) for _ in range(150)]}
    assert found == {403}
    assert until_well(hurried, cast)


@contextmanager
def without_table(name: str) -> Iterator[None]:
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {name} RENAME TO gone")
        try:
            yield
        finally:
            cursor.execute(f"ALTER TABLE gone RENAME TO {name}")


@pytest.mark.postgres
@pytest.mark.parametrize(
    "name",
    [
        "audit_head", "audit_entry", "segments_policyversion", "accounts_applicationsession", "accounts_session",
        "accounts_user", "accounts_roleassignment", "accounts_totpdevice",
    ],
)  # fmt: skip
def test_a_missing_table_refuses(proxies: Proxies, cast: Cast, name: str) -> None:
    with without_table(name):
        assert set(statuses(proxies, cast)) == {403}
    assert until_well(proxies, cast)


def file_of(proxies: Proxies) -> Path:
    return Path(proxies.point.environment["DATABASE_URL"].removeprefix("sqlite:///"))


@contextmanager
def changed(proxies: Proxies, *statements: str) -> Iterator[None]:
    """Execute the first statement now and the second afterwards."""
    now, afterwards = statements
    with sqlite3.connect(file_of(proxies), isolation_level=None) as direct:
        direct.execute("PRAGMA trusted_schema=ON")
        direct.execute(now)
    direct.close()
    try:
        yield
    finally:
        direct = sqlite3.connect(file_of(proxies), isolation_level=None)
        direct.execute(afterwards)
        direct.close()


def broken(event: str, table: str) -> Fault:
    trigger = f"CREATE TRIGGER broken BEFORE {event} ON {table} BEGIN SELECT RAISE(ABORT, 'broken'); END"
    return lambda proxies: changed(proxies, trigger, "DROP TRIGGER broken")


def renamed(table: str) -> Fault:
    return lambda proxies: changed(
        proxies, f"ALTER TABLE {table} RENAME TO gone", f"ALTER TABLE gone RENAME TO {table}"
    )


@contextmanager
def gone(proxies: Proxies) -> Iterator[None]:
    """The files are moved away; what SQLite made in their place is thrown away."""
    path = file_of(proxies)
    away = path.parent / "away"
    away.mkdir()
    _move(path, path.parent, away)
    try:
        yield
    finally:
        for made in path.parent.glob(f"{path.name}*"):
            made.unlink()
        _move(path, away, path.parent)
        away.rmdir()


def _move(path: Path, here: Path, there: Path) -> None:
    for found in here.glob(f"{path.name}*"):
        found.rename(there / found.name)


@contextmanager
def overwritten(proxies: Proxies, offset: int, data: bytes) -> Iterator[None]:
    """Bytes of the file are others."""
    path = file_of(proxies)
    _checkpoint(path)
    with path.open("r+b", buffering=0) as file:
        file.seek(offset)
        before = file.read(len(data))
        file.seek(offset)
        file.write(data)
        try:
            yield
        finally:
            file.seek(offset)
            file.write(before)


def read_only(proxies: Proxies) -> AbstractContextManager[object]:
    """A file whose header says that this version must not write it (SQLite file format, 1.3.3)."""
    return overwritten(proxies, 18, b"\x03")


def garbled(proxies: Proxies) -> AbstractContextManager[object]:
    return overwritten(proxies, 0, b"\x00" * 4096)


@contextmanager
def full(proxies: Proxies) -> Iterator[None]:
    """No file may grow any more, as on a full disk."""
    process = proxies.point.process
    assert process is not None
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


def _checkpoint(path: Path) -> None:
    direct = sqlite3.connect(path, isolation_level=None)
    direct.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    direct.close()


FAULTS: dict[str, Fault] = {
    "ledger refuses entries": broken("INSERT", "audit_entry"),
    "ledger's head stays": broken("UPDATE", "audit_head"),
    "no ledger": renamed("audit_entry"),
    "no sessions": renamed("accounts_session"),
    "no cookies": renamed("accounts_applicationsession"),
    "no people": renamed("accounts_user"),
    "no roles": renamed("accounts_roleassignment"),
    "no policy": renamed("segments_policyversion"),
    "file gone": gone,
    "file garbled": garbled,
    "disk full": full,
}


@pytest.mark.sqlite
@pytest.mark.parametrize("fault", FAULTS.values(), ids=FAULTS)
def test_a_broken_database_refuses_until_it_is_mended(apart: Proxies, cast: Cast, fault: Fault) -> None:
    assert is_well(apart, cast)
    with fault(apart):
        assert set(statuses(apart, cast)) == {403}
        assert apart.point.ask("GET", "/livez", (("Host", "x"),)).status == 200
    assert until_well(apart, cast)


@pytest.mark.sqlite
@scenario("SEC-FAIL-002")
def test_a_database_that_is_only_read_refuses(case: dict[str, Any], apart: Proxies, cast: Cast) -> None:
    """No record, no allow."""
    with read_only(apart):
        assert set(statuses(apart, cast)) == {403}
    assert until_well(apart, cast)


@pytest.mark.sqlite
def test_readiness_says_whether_the_policy_can_be_read(apart: Proxies) -> None:
    def ready() -> int:
        return apart.point.ask("GET", "/readyz", (("Host", "x"),)).status

    assert ready() == 200
    with renamed("segments_policyversion")(apart):
        assert ready() == 503
    assert ready() == 200


# ---------------------------------------------------------------- the policy and the keys
@scenario("SEC-FAIL-012", "SEC-FAIL-013")
def test_a_policy_that_cannot_be_loaded_leaves_the_one_before(
    case: dict[str, Any], proxies: Proxies, cast: Cast, tmp_path: Path
) -> None:
    bad = {
        "SEC-FAIL-012": "version: 1\nsegments:\n  - {slug: public, state: quarantined\n",
        "SEC-FAIL-013": "version: 1\nsegments:\n  - {slug: public, state: quarantined}\n  - {slug: new, hours: x}\n",
    }
    path = tmp_path / "policy.yaml"
    path.write_text(bad[case["id"]])
    with pytest.raises((CommandError, SystemExit)):
        call_command("policy", "load", str(path))
    assert is_well(proxies, cast)


@scenario("SEC-FAIL-014")
def test_another_secret_key_knows_no_session(case: dict[str, Any], start: Start, cast: Cast) -> None:
    proxies = start(SECRET_KEY="another-" * 8)
    assert set(statuses(proxies, cast)) == {401}
    assert proxies.ask(Family.TRAEFIK, path="/health").status == 200


# ---------------------------------------------------------------- the process
@scenario("SEC-FAIL-008", "SEC-FAIL-019")
def test_a_worker_that_is_killed_in_mid_request_lets_nobody_in(
    case: dict[str, Any], workers: Proxies, cast: Cast
) -> None:
    """As the kernel does where memory runs out: all at once, or one while the other goes on. New ones are started."""
    assert is_well(workers, cast)
    assert len(children(workers)) == 2
    killed = children(workers)[: 1 if case["id"] == "SEC-FAIL-019" else 2]
    with locked(), ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, workers, cast) for _ in range(8)]
        time.sleep(0.3)
        for number in killed:
            os.kill(number, signal.SIGKILL)
        found = {future.result().status for future in asked}
    assert found <= {0, 403}
    assert 0 in found or len(killed) == 1
    assert until_answered(workers)
    assert until_well(workers, cast)
    assert not set(killed) & set(children(workers))


def until_answered(proxies: Proxies) -> bool:
    for _ in range(100):
        if proxies.point.is_ready():
            return True
        time.sleep(0.1)
    return False


def children(proxies: Proxies) -> list[int]:
    """The workers of this very process: those of its children that uvicorn spawned to serve."""
    process = proxies.point.process
    assert process is not None
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    return [int(number) for number in found if b"spawn_main" in Path(f"/proc/{number}/cmdline").read_bytes()]


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    connections.close_all()
