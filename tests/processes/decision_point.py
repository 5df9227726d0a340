"""The decision point as proxies meet it, on uvicorn, and bytes as they send them."""

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.processes.own import OwnProcess

TIMEOUT = 15


@dataclass(frozen=True)
class Reply:
    """An answer as it came. `status` 0: the connection was closed without one."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found == name]

    def value(self, name: str) -> str:
        found = self.values(name)
        assert len(found) == 1, (name, self.headers)
        return found[0]


class DecisionPointProcess(OwnProcess):
    """Starts on `127.0.0.1:<port>`, and trusts the proxies of this machine unless told otherwise."""

    NAME = "decision_point"

    def __init__(self, folder: Path, *, workers: int = 1, **environment: str) -> None:
        super().__init__(folder, **{"ZT_TRUSTED_PROXIES": "127.0.0.1/32", **environment})
        self.environment["ZT_DECISION_POINT"] = f"127.0.0.1:{self.port}"
        self.workers = workers

    def command(self) -> list[str]:
        return ["manage.py", "decision_point", "--workers", str(self.workers)]

    def ask(self, method: str, target: str, headers: Iterable[tuple[str, str]] = (), body: bytes = b"") -> Reply:
        """One request as it is written, header by header, and its answer. Text is sent as UTF-8."""
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers)]
        return self.send("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body)

    def send(self, data: bytes) -> Reply:
        """The answer to these very bytes."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=TIMEOUT) as connection:
            try:
                connection.sendall(data)
                return reply(read_all(connection))
            except (ConnectionResetError, BrokenPipeError):
                return Reply(0, (), b"")


def read_all(connection: socket.socket) -> bytes:
    """Everything up to the end of the connection, or of one whole answer."""
    received = b""
    while not _is_whole(received):
        part = connection.recv(65536)
        if not part:
            break
        received += part
    return received


def _is_whole(received: bytes) -> bool:
    head, end, body = received.partition(b"\r\n\r\n")
    lengths = [line[16:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length: ")]
    return bool(end and lengths) and len(body) >= int(lengths[0])


def reply(received: bytes) -> Reply:
    head, _end, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = tuple((name.lower(), value.strip()) for name, _colon, value in (line.partition(":") for line in lines))
    return Reply(int(first.split(" ")[1]) if first else 0, pairs, body)
