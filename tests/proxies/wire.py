"""Requests byte for byte as they are written here, and what comes back."""

import contextlib
import json
import socket
from dataclasses import dataclass, field
from http.client import HTTPException, HTTPResponse
from typing import Any

Headers = list[tuple[str, str]]
WEBSOCKET: Headers = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
]
HELLO = b"hello through the tunnel"


@dataclass(frozen=True)
class Request:
    """A request of HTTP/1.1. Nothing is added but what frames the body, and `Connection: close`."""

    target: str = "/public/x"
    method: str = "GET"
    host: str | None = "app.localhost"
    headers: Headers = field(default_factory=list)
    body: bytes = b""
    chunked: bool = False
    ending: bytes = b""  # what follows all the same

    def __bytes__(self) -> bytes:
        lines = [f"{self.method} {self.target} HTTP/1.1"]
        lines += [] if self.host is None else [f"Host: {self.host}"]
        lines += [f"{name}: {value}" for name, value in (*self.headers, *self._framing())]
        return "\r\n".join((*lines, "", "")).encode("utf-8", "surrogateescape") + self._body() + self.ending

    def _framing(self) -> Headers:
        framing = [("Connection", "close")] if all(name != "Connection" for name, _ in self.headers) else []
        if self.chunked:
            return [*framing, ("Transfer-Encoding", "chunked")]
        return [*framing, ("Content-Length", str(len(self.body)))] if self.body else framing

    def _body(self) -> bytes:
        if not self.chunked:
            return self.body
        pieces = [self.body[start : start + 7000] for start in range(0, len(self.body), 7000)]
        return b"".join(b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


@dataclass(frozen=True)
class Answer:
    """Status 0 is a connection without an answer: closed, or silent for too long."""

    status: int
    headers: Headers = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str:
        return next((value for found, value in self.headers if found.lower() == name.lower()), "")

    def headers_named(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name.lower()]

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def cookies(self) -> dict[str, str]:
        """Names and values that the answer sets."""
        pairs = (line.partition(";")[0].partition("=") for line in self.headers_named("set-cookie"))
        return {name: value for name, _, value in pairs}


def send(port: int, request: Request | bytes, *, timeout: float = 15) -> Answer:
    """Send one request on a connection of its own. An upgrade that succeeds is greeted, and the echo is the body."""
    raw = bytes(request)
    with socket.create_connection(("127.0.0.1", port), timeout=timeout) as connection:
        response = HTTPResponse(connection, method=raw.partition(b" ")[0].decode("latin-1"))
        with contextlib.suppress(ConnectionError):  # refused before it was read to the end: the answer may be there
            connection.sendall(raw)
        try:
            response.begin()
            body = greeted(connection, response) if response.status == 101 else response.read()
        except (HTTPException, ConnectionError, TimeoutError):
            return Answer(0)
        return Answer(response.status, response.getheaders(), body)


def greeted(connection: socket.socket, response: HTTPResponse) -> bytes:
    connection.sendall(HELLO)
    return response.fp.read1(len(HELLO)) if response.fp else connection.recv(len(HELLO))
