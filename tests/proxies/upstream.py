"""An application that tells what it was asked: echoes each request as JSON, and whatever comes through a websocket."""

import base64
import hashlib
import json
import socket
import threading
from collections import deque
from dataclasses import dataclass
from typing import Any

from tests.proxies.streams import Head, Stream, UnreadableError

MARK = "x-case"  # by which a test finds its own request again
WEBSOCKET_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Seen:
    """A request as it reached the application."""

    head: Head
    body: bytes = b""

    @property
    def identity(self) -> dict[str, list[str]]:
        """What it was told of who is asking, by headers that have a value; `_` and `.` are read as `-`, as many do."""
        told: dict[str, list[str]] = {}
        for name, value in self.head.headers:
            plain = name.lower().replace("_", "-").replace(".", "-")
            if value and plain.startswith(("remote-", "x-zt-", "x-remote-", "x-auth-request-", "x-forwarded-user")):
                told.setdefault(plain, []).append(value)
        return told


class Upstream:
    """Listens on a free port until it is closed."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = int(self.listener.getsockname()[1])
        self.seen: deque[Seen] = deque(maxlen=1000)
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        self.listener.close()

    def seen_of(self, mark: str) -> list[Seen]:
        return [found for found in self.seen if found.head.value(MARK) == mark]

    def _accept(self) -> None:
        while True:
            try:
                connection, _address = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection:
            stream = Stream(connection)
            try:
                while head := stream.head():
                    if head.is_websocket:
                        self._echo(connection, stream, head)
                        return
                    self._answer(connection, Seen(head, stream.body(head)))
            except (OSError, EOFError, UnreadableError, ValueError):
                return

    def _answer(self, connection: socket.socket, found: Seen) -> None:
        self.seen.append(found)
        told: dict[str, Any] = {
            "method": found.head.method,
            "target": found.head.target,
            "headers": found.head.headers,
            "sha256": hashlib.sha256(found.body).hexdigest(),
        }
        body = json.dumps(told).encode()
        lines = ["HTTP/1.1 200 OK", "Content-Type: application/json", f"Content-Length: {len(body)}", "", ""]
        connection.sendall("\r\n".join(lines).encode() + (b"" if found.head.method == "HEAD" else body))

    def _echo(self, connection: socket.socket, stream: Stream, head: Head) -> None:
        self.seen.append(Seen(head))
        key = head.value("sec-websocket-key") + WEBSOCKET_GUID
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"]
        connection.sendall("\r\n".join((*lines, f"Sec-WebSocket-Accept: {accept}", "", "")).encode() + stream.ahead)
        while more := connection.recv(65536):
            connection.sendall(more)
