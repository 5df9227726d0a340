"""Five proxies with our own configurations before one application, asking one decision point: started once."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.proxies.asking import Asking
from tests.proxies.fleet import FAMILIES, Fleet
from tests.proxies.system import System
from tests.proxies.upstream import Upstream

POLICY = Path(__file__).with_name("policy.yaml")


@pytest.fixture(scope="session")
def upstream() -> Iterator[Upstream]:
    started = Upstream()
    yield started
    started.close()


@pytest.fixture(scope="session")
def system(tmp_path_factory: pytest.TempPathFactory, upstream: Upstream) -> Iterator[System]:
    started = System(tmp_path_factory.mktemp("system"), ZT_DECISION_THREADS="8")
    policy = started.folder / "policy.yaml"
    policy.write_text(POLICY.read_text().replace("UPSTREAM", f'"http://127.0.0.1:{upstream.port}"'))
    started.run(f"from tests.proxies import cast; cast.prepare({str(policy)!r})")
    try:
        started.start()
        yield started
    finally:
        started.stop()


@pytest.fixture(scope="session")
def keys(system: System) -> dict[str, str]:
    """What applications know people by: the values of their cookies."""
    return dict(json.loads(system.run("from tests.proxies import cast; cast.tell()")))


@pytest.fixture(scope="session")
def fleet(system: System) -> Iterator[Fleet]:
    started = Fleet(system)
    yield started
    started.stop()


@pytest.fixture(params=FAMILIES)
def ask(request: pytest.FixtureRequest, fleet: Fleet, keys: dict[str, str], upstream: Upstream) -> Asking:
    """Somebody before one of the proxies; the test runs once for each."""
    return Asking(request.param, fleet.port(request.param), keys, upstream)
