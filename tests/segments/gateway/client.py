"""A client that writes exactly what a test says, byte by byte."""

import json
import socket
import ssl
from dataclasses import dataclass
from typing import Any, Self

WEBSOCKET = (
    ("Upgrade", "websocket"),
    ("Connection", "Upgrade"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
)


@dataclass
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def value(self, name: str) -> str | None:
        found = [value for key, value in self.headers if key.lower() == name.lower()]
        assert len(found) < 2, found
        return found[0] if found else None

    @property
    def told(self) -> Any:
        """What the application says that it got."""
        return json.loads(self.body)

    def got(self, name: str) -> list[str]:
        """The values of a header that reached the application, under any spelling."""
        wanted = "".join(filter(str.isalnum, name.lower()))
        return [v for k, v in self.told["headers"] if "".join(filter(str.isalnum, k.lower())) == wanted]


class Client:
    """One connection."""

    def __init__(self, port: int, *, context: ssl.SSLContext | None = None, name: str = "app.test") -> None:
        self.socket: socket.socket = socket.create_connection(("127.0.0.1", port), 10)
        if context:
            try:
                self.socket = context.wrap_socket(self.socket, server_hostname=name)
            except OSError:
                self.socket.close()
                raise
        self.socket.settimeout(10)
        self.buffer = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(
        self, target: str, *headers: tuple[str, str], method: str = "GET", host: str = "app.test", body: bytes = b""
    ) -> None:
        lines = [f"{method} {target} HTTP/1.1", f"Host: {host}", *(f"{name}: {value}" for name, value in headers)]
        lines += [f"Content-Length: {len(body)}"] if body else []
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode("latin-1") + body)

    def more(self) -> bytes:
        data = self.socket.recv(65536)
        self.buffer += data
        return data

    def head(self) -> Answer:
        while b"\r\n\r\n" not in self.buffer:
            if not self.more():
                raise ConnectionError(f"closed after {self.buffer!r}")
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        first, *lines = head.decode("latin-1").split("\r\n")
        pairs = [(name, value.strip()) for name, _colon, value in (line.partition(":") for line in lines)]
        return Answer(int(first.split(" ")[1]), pairs, b"")

    def answer(self, *, method: str = "GET") -> Answer:
        answer = self.head()
        length = int(answer.value("content-length") or 0)
        if method == "HEAD" or answer.status == 304:
            return answer
        if "chunked" in (answer.value("transfer-encoding") or ""):
            return Answer(answer.status, answer.headers, self.chunks())
        while len(self.buffer) < length:
            if not self.more():
                break
        answer.body, self.buffer = self.buffer[:length], self.buffer[length:]
        return answer

    def chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self.buffer:
                assert self.more()
            size, self.buffer = self.buffer.split(b"\r\n", 1)
            while len(self.buffer) < int(size, 16) + 2:
                assert self.more()
            if int(size, 16) == 0:
                self.buffer = self.buffer[2:]
                return body
            body += self.buffer[: int(size, 16)]
            self.buffer = self.buffer[int(size, 16) + 2 :]


def ask(
    port: int, target: str, *headers: tuple[str, str], method: str = "GET", host: str = "app.test", body: bytes = b""
) -> Answer:
    """One request on a connection of its own."""
    with Client(port) as client:
        client.send(target, *headers, method=method, host=host, body=body)
        return client.answer(method=method)
