"""The whole of it as processes: a portal, a decision point, one SQLite file between them, the same keys."""

import socket
import subprocess
import time
from pathlib import Path

from tests.processes.decision_point import DecisionPointProcess
from tests.processes.portal import PortalProcess


class System:
    """Both are asked over loopback, and proxies there are believed. `manage` runs a management command beside them."""

    def __init__(self, folder: Path, **environment: str) -> None:
        self.folder = folder
        self.portal = PortalProcess(folder, **environment)
        self.decision_point = DecisionPointProcess(folder)
        self.portal.environment |= {
            "ZT_PORTAL_URL": self.portal.url,
            "ZT_DECISION_POINT": f"127.0.0.1:{self.decision_point.port}",
            "ZT_TRUSTED_PROXIES": "127.0.0.1/32",
        }
        self.decision_point.environment = self.portal.environment
        self.database = folder / f"{self.portal.NAME}.sqlite3"

    def manage(self, *arguments: str) -> str:
        return self.portal.manage(*arguments)

    def run(self, code: str) -> str:
        """What a few lines print beside the two."""
        return self.manage("shell", "--verbosity", "0", "--command", code)

    def start(self) -> None:
        self.decision_point.begin()
        self.portal.start()
        self.decision_point.wait()

    def stop(self) -> None:
        self.decision_point.stop()
        self.portal.stop()


def wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until something listens there. Fails with the log where the process ends before."""
    for _ in range(400):
        assert process.poll() is None, log.read_text()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"nothing listens on port {port}: {log.read_text()}")
