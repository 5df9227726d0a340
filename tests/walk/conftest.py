"""A decision point that runs, with a database in which the tests of a module commit."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytest_django import DjangoDbBlocker

from tests.processes.database import own_database
from tests.walk.applications import Cast, Proxies, policy_and_cast


@pytest.fixture(scope="module")
def database(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    with django_db_blocker.unblock(), own_database(tmp_path_factory.mktemp("database")) as url:
        yield url


@pytest.fixture(scope="module")
def cast(database: str) -> Cast:
    return policy_and_cast()


Start = Callable[..., Proxies]


@pytest.fixture(scope="module")
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


@pytest.fixture(scope="module")
def proxies(start: Start) -> Proxies:
    return start()
