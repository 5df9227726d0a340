"""The gateway while it runs: Envoy, the relay beside it, and a look at the stored policy every second."""

import asyncio
import os
import resource
import signal
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Final

from django.db import DatabaseError, close_old_connections, connection

from segments import snapshot, version
from segments.gateway import envoy, process
from segments.gateway.placement import Placement, UnwritableError
from segments.gateway.relay import Relay
from segments.gateway.sites import Site, sites, upstreams
from segments.policy.model import WebResource

EVERY: Final = 1.0  # seconds between two looks at the version of the policy
CertificateState = tuple[tuple[int, int], ...]


class GatewayError(RuntimeError):
    """The gateway cannot start, or ended by itself."""


@dataclass(frozen=True, slots=True)
class Stored:
    """The sites, and the version of the policy that they are of."""

    version: version.Version
    sites: tuple[Site, ...]


def stored_sites() -> tuple[Site, ...]:
    """The sites of the stored policy. Raises UpstreamError."""
    return sites(found for found in snapshot.current().resources if isinstance(found, WebResource))


class Gateway:
    """Runs until a signal comes. `say` tells people what happened."""

    def __init__(
        self, placement: Placement, folder: Path, *, re_ask_seconds: float, say: Callable[[str], None], log_level: str
    ) -> None:
        self._placement, self._path, self._say, self._log_level = placement, folder, say, log_level
        self._folder = envoy.Folder(str(folder), re_ask_seconds)
        self._relay = Relay(placement.decision_point, every=re_ask_seconds, authorities=placement.authorities)
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="policy")  # one thread: one connection
        self._stored: Stored | None = None
        self._complaint = ""
        self._certificate: CertificateState = ()

    async def run(self) -> None:
        """Serve until a signal comes. Raises GatewayError where Envoy ends by itself."""
        binary = process.program()
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopped.set)
        _raise_limit_of_files()
        await self._look(first=True)
        self._write_secrets()
        process.put(self._path, "bootstrap.json", envoy.bootstrap(self._placement, self._folder))
        server = await self._relay.serve(self._folder.relay_socket)
        child = process.start(binary, self._path, base_id=os.getpid(), log_level=self._log_level)
        try:
            await self._follow(child, stopped)
        finally:
            await asyncio.to_thread(process.stop, child)
            server.close()
            self._thread.submit(_disconnect).result()
            self._thread.shutdown()

    async def _follow(self, child: "Popen[bytes]", stopped: asyncio.Event) -> None:
        while not stopped.is_set():
            if child.poll() is not None:
                raise GatewayError(f"Envoy ended by itself with {child.returncode}: its last lines above say why")
            await self._look()
            self._write_secrets()
            try:
                await asyncio.wait_for(stopped.wait(), EVERY)
            except TimeoutError:
                continue

    async def _look(self, *, first: bool = False) -> None:
        """Put new files in place if the sites changed. What cannot be read leaves the last ones where they are."""
        try:
            found = await asyncio.get_running_loop().run_in_executor(self._thread, self._read)
        except (DatabaseError, LookupError, snapshot.SnapshotError, ValueError) as error:
            if first:
                raise GatewayError(f"the stored policy cannot be used: {_line(error)}") from error
            self._complain(f"the stored policy cannot be used, so the last routes stay: {_line(error)}")
            return
        if self._complaint:
            self._complain("")
            self._say("the stored policy can be read again")
        if self._stored is None or found.sites != self._stored.sites:
            self._write(found.sites)
            self._say(f"routes of {len(found.sites)} hosts, as of version {found.version.number} of the policy")
        self._stored = found

    def _read(self) -> Stored:
        """In the thread of the database: the version each time, the policy only when that moved."""
        close_old_connections()
        try:
            now = version.read()
            if self._stored and self._stored.version == now:
                return self._stored
            return Stored(now, stored_sites())
        except DatabaseError:
            connection.close()
            raise

    def _write(self, found: tuple[Site, ...]) -> None:
        """Clusters before the routes that lead to them; the relay before both."""
        try:
            content = envoy.files(found, self._placement, self._folder)
        except UnwritableError as error:
            raise GatewayError(str(error)) from error
        self._relay.allow(upstreams(found))
        for name, values in content.items():
            process.put(self._path, name, values)

    def _write_secrets(self) -> None:
        """Have Envoy read the certificate again when its files changed: renewals need no restart."""
        if not self._placement.is_encrypted:
            return
        try:
            state = tuple(_state(path) for path in (self._placement.certificate, self._placement.key))
        except OSError as error:
            self._complain(f"{error.filename}: {error.strerror}")
            return
        if state != self._certificate:
            self._certificate = state
            process.put(self._path, "secrets.json", envoy.secrets(self._placement))

    def _complain(self, text: str) -> None:
        """Say what is wrong once, not every second."""
        if text and text != self._complaint:
            self._say(text)
        self._complaint = text


def _disconnect() -> None:
    """In the thread whose connection it is."""
    connection.close()


def _state(path: str) -> tuple[int, int]:
    found = Path(path).stat()
    return found.st_mtime_ns, found.st_ino


def _line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _raise_limit_of_files() -> None:
    """A connection that is carried takes two; Envoy inherits the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        with suppress(ValueError, OSError):  # macOS calls some limits infinite that are not
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
