"""`manage.py gateway` as it runs: a process of its own, its own SQLite file, Envoy below it."""

import base64
import os
import secrets
import shutil
import socket
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
KEYS = {
    name: base64.b64encode(secrets.token_bytes(32)).decode()
    for name in ("ZT_FACTOR_KEYS", "ZT_RECOVERY_KEY", "ZT_LEDGER_KEY", "ZT_ASSERTION_KEYS", "SECRET_KEY")
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def environment(database: Path, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("ZT_") and name != "DEBUG"}
    return kept | {
        "DJANGO_SETTINGS_MODULE": "ztproject.settings",
        "DATABASE_URL": f"sqlite:///{database}",
        "ZT_ENV_FILE": "",
        "ZT_TLS": "off",
        "ALLOWED_HOSTS": "localhost,127.0.0.1",
        **KEYS,
        **more,
    }


def manage(database: Path, *arguments: str, stdin: str = "", **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=environment(database, **more),
        input=stdin,
        capture_output=True,
        text=True,
        check=False,
    )


class GatewayProcess:
    """One gateway on a free port. `change` changes the stored policy as plain SQL does."""

    def __init__(self, folder: Path, database: Path, decision_point: int, **more: str) -> None:
        self.database = folder / "policy.sqlite3"
        shutil.copy(database, self.database)
        self.port = free_port()
        self.log = folder / "gateway.log"
        variables = {
            "ZT_GATEWAY_LISTEN": f"127.0.0.1:{self.port}",
            "ZT_DECISION_POINT": f"127.0.0.1:{decision_point}",
            "TMPDIR": str(folder),
        }
        self.environment = environment(self.database, **variables, **more)
        self.folder = folder
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *arguments: str) -> "GatewayProcess":
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "gateway", "--ask-again", "1", *arguments],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )
        self._wait_until_open()
        return self

    def _wait_until_open(self) -> None:
        assert self.process
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self.log.read_text()
            try:
                socket.create_connection(("127.0.0.1", self.port), 0.2).close()
            except OSError:
                time.sleep(0.1)
            else:
                return
        raise AssertionError(f"the gateway did not open: {self.log.read_text()}")

    def change(self, statement: str, *values: str) -> None:
        with sqlite3.connect(self.database) as connection:
            connection.execute(statement, values)

    def stop(self) -> int:
        if self.process is None:
            return 0
        self.process.terminate()
        return self.process.wait(20)

    def envoy_pids(self) -> list[int]:
        """The children of the command."""
        assert self.process
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return [int(pid) for pid in children.split()]
