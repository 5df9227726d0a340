"""A stored policy with applications, and a gateway in front of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.segments.gateway.gateway_process import GatewayProcess, manage
from tests.segments.gateway.stand_ins import Application, DecisionPoint, application, decision_point

POLICY = """\
version: 1
segments:
  - slug: finance
    resources:
      - {{name: app, host: app.test, path: /, upstream: "http://127.0.0.1:{app}"}}
      - {{name: reading, host: app.test, path: /fin, methods: [GET], upstream: "http://127.0.0.1:{reading}"}}
      - {{name: writing, host: app.test, path: /fin, methods: [POST], upstream: "http://127.0.0.1:{writing}"}}
      - {{name: health, host: app.test, path: /healthz, methods: [GET]}}
      - {{name: any, host: "*.wild.test", path: /allowed, case_insensitive: true, upstream: "http://127.0.0.1:{app}"}}
      - {{name: nowhere, host: nowhere.test}}
      - {{name: gone, host: gone.test, upstream: "http://127.0.0.1:1"}}
"""


@dataclass
class Applications:
    app: Application
    reading: Application
    writing: Application


@pytest.fixture(scope="session")
def applications() -> Iterator[Applications]:
    with application("app") as app, application("reading") as reading, application("writing") as writing:
        yield Applications(app, reading, writing)


@pytest.fixture(scope="session")
def stored_policy(tmp_path_factory: pytest.TempPathFactory, applications: Applications) -> Path:
    folder = tmp_path_factory.mktemp("policy")
    database, file = folder / "policy.sqlite3", folder / "policy.yaml"
    ports = {"app": applications.app.port, "reading": applications.reading.port, "writing": applications.writing.port}
    file.write_text(POLICY.format(**ports))
    for arguments in (("migrate", "--verbosity", "0"), ("policy", "load", str(file))):
        done = manage(database, *arguments)
        assert done.returncode == 0, done.stderr
    return database


@pytest.fixture(scope="module")
def asked() -> Iterator[DecisionPoint]:
    with decision_point() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, stored_policy: Path, asked: DecisionPoint
) -> Iterator[GatewayProcess]:
    running = GatewayProcess(tmp_path_factory.mktemp("gateway"), stored_policy, asked.port)
    try:
        yield running.start()
    finally:
        running.stop()
