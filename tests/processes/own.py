"""A process of ours, with keys and a database of its own."""

import base64
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
KEYS = ("ZT_FACTOR_KEYS", "ZT_RECOVERY_KEY", "ZT_LEDGER_KEY", "ZT_ASSERTION_KEYS")


class OwnProcess:
    """Listens on a free port of 127.0.0.1. `manage` runs a management command against the same database."""

    NAME = "process"

    def __init__(self, folder: Path, **environment: str) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = os.environ | {name: _key() for name in KEYS}
        self.environment |= {
            "DJANGO_SETTINGS_MODULE": "ztproject.settings",
            "DATABASE_URL": f"sqlite:///{folder / f'{self.NAME}.sqlite3'}",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ZT_TLS": "off",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
        }
        self.environment.pop("DEBUG", None)
        self.environment |= environment
        self.process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"{self.NAME}.log"

    def command(self) -> list[str]:
        """What Python is started with."""
        raise NotImplementedError

    def manage(self, *arguments: str, stdin: str = "") -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        self.begin()
        self.wait()

    def wait(self) -> None:
        """Until it is ready."""
        for _ in range(200):
            if self.is_ready():
                return
            time.sleep(0.1)
        raise AssertionError(self.log.read_text())

    def begin(self) -> None:
        """Start, and do not wait until it is ready."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.command()], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )

    def is_ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
