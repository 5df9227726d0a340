"""The portal as a person meets it: its own process (gunicorn), its own SQLite file, its own keys."""

import base64
import os
import secrets
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

ROOT = Path(__file__).resolve().parents[2]


class PortalProcess:
    """Starts on `http://localhost:<port>`; `manage` runs a management command against the same database."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://localhost:{self.port}"
        self.environment = os.environ | {
            "DJANGO_SETTINGS_MODULE": "ztproject.settings",
            "DATABASE_URL": f"sqlite:///{folder / 'portal.sqlite3'}",
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ZT_FACTOR_KEYS": _key(),
            "ZT_RECOVERY_KEY": _key(),
            "ZT_LEDGER_KEY": _key(),
            "ZT_ASSERTION_KEYS": _key(),
            "ZT_TLS": "off",
            "ALLOWED_HOSTS": "localhost,127.0.0.1",
        }
        self.environment.pop("DEBUG", None)
        self.process: subprocess.Popen[bytes] | None = None
        self.log = (folder / "portal.log").open("wb")

    def manage(self, *arguments: str, stdin: str = "", also: Mapping[str, str] = MappingProxyType({})) -> str:
        """What a command prints; `also` is added to its environment."""
        done = subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={**self.environment, **also},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def start(self) -> None:
        command = [sys.executable, "-m", "gunicorn", "ztproject.wsgi", "--worker-class", "gthread", "--threads", "4"]
        command += ["--no-control-socket", "--bind", f"127.0.0.1:{self.port}"]
        self.process = subprocess.Popen(command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log)
        self._wait_until_ready()

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(timeout=20)
        self.log.close()

    def _wait_until_ready(self) -> None:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"{self.url}/readyz", timeout=2) as answer:
                    if answer.status == 200:
                        return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(Path(self.log.name).read_text())


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _key() -> str:
    return base64.b64encode(secrets.token_bytes(32)).decode()
