"""A decision point that runs, with a database in which the tests of this folder commit."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.processes.database import own_database
from tests.walk.decision_point.applications import Cast, Proxies, policy_and_cast


@pytest.fixture(scope="package")
def database(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with django_db_blocker.unblock(), own_database(tmp_path_factory.mktemp("database")) as url:
        yield url


@pytest.fixture(scope="package")
def cast(database: str) -> Cast:
    return policy_and_cast()


Start = Callable[..., Proxies]


@pytest.fixture(scope="package")
def start(database: str, cast: Cast, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """A function that starts one more decision point on this database."""
    started: list[Proxies] = []

    def begin(url: str = database, **options: object) -> Proxies:
        proxies = Proxies(Path(tmp_path_factory.mktemp("point")), url, **options)
        started.append(proxies)
        proxies.point.start()
        return proxies

    yield begin
    for proxies in started:
        proxies.point.stop()


@pytest.fixture(scope="package")
def proxies(start: Start) -> Proxies:
    return start()


@pytest.fixture(scope="package")
def believing_nobody(start: Start) -> Proxies:
    return start(ZT_TRUSTED_PROXIES="")


@pytest.fixture(scope="package")
def believing_others(start: Start) -> Proxies:
    return start(ZT_TRUSTED_PROXIES="127.0.0.2/32,10.0.0.0/8,::1/128")


@pytest.fixture(scope="package")
def workers(start: Start) -> Proxies:
    """Two processes that answer on one address."""
    return start(workers=2, ZT_DECISION_TIMEOUT="2")
