"""Faults behind each proxy. Nothing reaches an application that was not decided, and recorded."""

import itertools
import signal
import sqlite3
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.cases import Case
from tests.proxies.asking import BROWSER, Asking, Outcome
from tests.proxies.cases import CORPUS
from tests.proxies.fleet import FAMILIES, Fleet
from tests.proxies.system import System
from tests.proxies.upstream import Upstream
from tests.proxies.wire import WEBSOCKET, Request

pytestmark = [pytest.mark.proxies, pytest.mark.slow]

ATTEMPTS = [
    ("alice", Request()),
    ("alice", Request("/workshop/x", "POST", body=b"a=1")),
    ("alice", Request("/public/socket", headers=WEBSOCKET)),
    ("alice", Request(headers=BROWSER)),
    ("alice", Request("/finance/x")),
    ("bob", Request("/finance/x")),
    ("", Request("/public/x")),
]


@pytest.fixture
def everywhere(fleet: Fleet, keys: dict[str, str], upstream: Upstream) -> list[Asking]:
    """Before every proxy at once: a fault takes each of them its patience."""
    return [Asking(family, fleet.port(family), keys, upstream) for family in FAMILIES]


@pytest.fixture
def without_decision_point(system: System, everywhere: list[Asking]) -> Iterator[None]:
    system.decision_point.stop()
    yield
    system.decision_point.start()


@pytest.fixture
def locked(system: System, everywhere: list[Asking]) -> Iterator[None]:
    """The database takes no entry, as when another process holds it."""
    connection = sqlite3.connect(system.database, isolation_level=None)
    connection.execute("BEGIN IMMEDIATE")
    yield
    connection.execute("ROLLBACK")
    connection.close()


def assert_closed(outcome: Outcome) -> None:
    assert outcome.seen == (), outcome.request
    assert not 100 < outcome.status < 400, (outcome.request, outcome.status)


def at_once(everywhere: list[Asking], attempts: Sequence[tuple[str, Request]] = ATTEMPTS[:1]) -> list[Outcome]:
    with ThreadPoolExecutor(len(everywhere) * len(attempts)) as pool:
        asked = [
            pool.submit(ask, who, request, timeout=25)
            for ask, (who, request) in itertools.product(everywhere, attempts)
        ]
        return [outcome.result() for outcome in asked]


@pytest.mark.usefixtures("without_decision_point")
@CORPUS.scenario("SEC-FAIL-020")
def test_without_a_decision_point_everything_is_closed(everywhere: list[Asking], case: Case) -> None:
    for outcome in at_once(everywhere, ATTEMPTS):
        assert_closed(outcome)


@CORPUS.scenario("SEC-FAIL-008")
def test_a_decision_point_that_dies_while_it_is_asked_has_said_no(
    system: System, everywhere: list[Asking], case: Case
) -> None:
    process = system.decision_point.process
    assert process is not None
    process.send_signal(signal.SIGSTOP)
    dying = threading.Timer(0.5, process.kill)
    dying.start()
    try:
        for outcome in at_once(everywhere):
            assert_closed(outcome)
    finally:
        dying.join()
        system.decision_point.stop()
        system.decision_point.start()


@pytest.mark.usefixtures("locked")
def test_what_cannot_be_recorded_is_refused(everywhere: list[Asking]) -> None:
    for outcome in at_once(everywhere):
        outcome.assert_refused(403, 500, 502, 503, 504)


def test_a_decision_point_that_comes_back_is_asked_again(everywhere: list[Asking]) -> None:
    """The twin. A proxy may take a moment to believe it."""
    for ask in everywhere:
        deadline = time.monotonic() + 15
        while ask("alice", Request()).status != 200 and time.monotonic() < deadline:
            time.sleep(0.2)
        ask("alice", Request()).assert_served()
        ask("alice", Request("/finance/x")).assert_refused(403)
