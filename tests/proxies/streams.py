"""Reading HTTP/1.1 from a socket as a server does that keeps everything as it was sent."""

import socket
from dataclasses import dataclass

LONGEST_HEAD = 256 * 1024


class UnreadableError(ValueError):
    """What came is no request."""


@dataclass(frozen=True)
class Head:
    """A request line and headers; names and values as sent, without the spaces around them."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name]

    def value(self, name: str) -> str:
        return next(iter(self.values(name)), "")

    @property
    def is_websocket(self) -> bool:
        return self.value("upgrade").lower() == "websocket"


class Stream:
    """A connection with what was read of it ahead."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.ahead = b""

    def head(self) -> Head | None:
        """The next request, or None at the end. Raises UnreadableError."""
        text = self._until(b"\r\n\r\n")
        if not text:
            return None
        lines = text.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        parts = lines[0].split(" ")
        if len(parts) < 3:
            raise UnreadableError("no request line")
        pairs = [line.partition(":") for line in lines[1:]]
        headers = tuple((name.strip(), value.strip()) for name, _, value in pairs)
        return Head(parts[0], " ".join(parts[1:-1]), headers)

    def body(self, head: Head) -> bytes:
        """The body as it is framed; a `100-continue` is answered first."""
        if head.value("expect").lower() == "100-continue":
            self.connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if "chunked" in head.value("transfer-encoding").lower():
            return self._chunks()
        return self.exactly(int(head.value("content-length") or 0))

    def exactly(self, length: int) -> bytes:
        while len(self.ahead) < length:
            self._more()
        found, self.ahead = self.ahead[:length], self.ahead[length:]
        return found

    def _chunks(self) -> bytes:
        body = b""
        while size := int(self._until(b"\r\n").partition(b";")[0], 16):
            body += self.exactly(size)
            self.exactly(2)
        self._until(b"\r\n")
        return body

    def _until(self, mark: bytes) -> bytes:
        while mark not in self.ahead:
            if len(self.ahead) > LONGEST_HEAD:
                raise UnreadableError("longer than any head")
            try:
                self._more()
            except EOFError:
                return b""
        found, _, self.ahead = self.ahead.partition(mark)
        return found + mark

    def _more(self) -> None:
        more = self.connection.recv(65536)
        if not more:
            raise EOFError
        self.ahead += more
