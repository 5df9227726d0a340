"""The whole of it as processes: a portal, a decision point, one SQLite file between them, keys of its own."""

import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from tests.browser.portal_process import ROOT, PortalProcess, free_port


class System(PortalProcess):
    """A portal with a decision point beside it. Both are asked over loopback, and proxies there are believed."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.folder = folder
        self.decision_port = free_port()
        self.decision_point: subprocess.Popen[bytes] | None = None
        self.environment |= {
            "ZT_PORTAL_URL": self.url,
            "ZT_DECISION_POINT": f"127.0.0.1:{self.decision_port}",
            "ZT_TRUSTED_PROXIES": "127.0.0.1/32",
        }

    def start_decision_point(self) -> None:
        command = [sys.executable, "-m", "uvicorn", "ztproject.asgi:application", "--ws", "none", "--no-proxy-headers"]
        command += ["--host", "127.0.0.1", "--port", str(self.decision_port), "--no-access-log", "--log-level", "error"]
        self.decision_point = subprocess.Popen(
            command, cwd=ROOT, env=self.environment, stdout=self.log, stderr=self.log
        )
        self._wait_for(self.decision_port, "/readyz")

    def stop_decision_point(self) -> None:
        if self.decision_point:
            self.decision_point.terminate()
            self.decision_point.wait(timeout=20)
            self.decision_point = None

    def stop(self) -> None:
        self.stop_decision_point()
        super().stop()

    def _wait_for(self, port: int, path: str) -> None:
        for _ in range(200):
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=2):
                    return
            except OSError:
                time.sleep(0.1)
        raise AssertionError(Path(self.log.name).read_text())


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until something listens there. Fails with the log where the process ends before."""
    for _ in range(200):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}: {log.read_text()}")
