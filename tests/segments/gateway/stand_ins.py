"""What a proxy has on its two sides: a decision point that answers by path, an application that tells what it got."""

import asyncio
import base64
import hashlib
import json
import ssl
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

IDENTITY = {
    "Remote-User": "alice",
    "Remote-Name": "Alice",
    "Remote-Email": "",
    "Remote-Groups": "staff",
    "X-ZT-Segment": "finance",
    "X-ZT-Decision": "D-1",
    "X-ZT-Assertion": "signed.by.us",
}
Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    target: str
    headers: list[tuple[str, str]]
    body: bytes = b""

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.headers if found.lower() == name.lower()]

    def value(self, name: str) -> str | None:
        found = self.values(name)
        assert len(found) < 2, f"{name} is there {len(found)} times"
        return found[0] if found else None


@dataclass
class Server:
    """One that runs in a thread of its own, and what it saw."""

    port: int = 0
    seen: list[Seen] = field(default_factory=list)

    @property
    def last(self) -> Seen:
        return self.seen[-1]


async def read_request(reader: asyncio.StreamReader) -> Seen:
    first, *lines = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
    method, target, _version = first.split(" ")
    headers = [(name, value.strip()) for name, _colon, value in (line.partition(":") for line in lines)]
    seen = Seen(method, target, headers)
    if "chunked" in (seen.value("transfer-encoding") or ""):
        while size := int((await reader.readline()).strip() or b"0", 16):
            seen.body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        seen.body = await reader.readexactly(int(seen.value("content-length") or 0))
    return seen


@contextmanager
def serving(handler: Handler, server: Server, context: ssl.SSLContext | None = None) -> Iterator[Server]:
    """Run a server in a thread, on a free port of loopback."""
    loop, ready = asyncio.new_event_loop(), threading.Event()

    async def guarded(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError, EOFError, asyncio.CancelledError):
            await handler(reader, writer)
        writer.close()

    listening: list[asyncio.Server] = []

    async def begin() -> None:
        opened = await asyncio.start_server(guarded, "127.0.0.1", server.port, limit=1 << 20, ssl=context)
        listening.append(opened)
        server.port = opened.sockets[0].getsockname()[1]
        ready.set()

    async def end() -> None:
        listening[0].close()
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def run() -> None:
        loop.create_task(begin())
        loop.run_forever()
        loop.run_until_complete(end())
        loop.close()

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)


@dataclass
class DecisionPoint(Server):
    """Says yes below /allowed and /stream, as long as it is `open`; 302 below /sign-in; 403 elsewhere."""

    open: bool = True

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen = await read_request(reader)
            self.seen.append(seen)
            status, headers, body = self.answer(seen)
            lines = [f"HTTP/1.1 {status} X", *(f"{name}: {value}" for name, value in headers)]
            lines += [f"Content-Length: {len(body)}", "", ""]
            writer.write("\r\n".join(lines).encode("latin-1") + (b"" if seen.method == "HEAD" else body))
            await writer.drain()

    def answer(self, seen: Seen) -> tuple[int, list[tuple[str, str]], bytes]:
        if seen.target.startswith("/.zt/"):
            status = 403 if seen.target.startswith("/.zt/refused") else 200
            return status, [("Content-Type", "text/html")], f"own page {seen.target}".encode()
        family, path = self.asked(seen)
        if self.open and path.startswith(("/allowed", "/stream", "/fin")):
            return 200, [*IDENTITY.items()], b""
        if path.startswith("/sign-in"):
            status = 401 if family in {"nginx", "haproxy"} else 302
            return status, [("Location", "http://app.test/.zt/start?rd=x"), ("Set-Cookie", "zt-start=1; Path=/")], b""
        if path.startswith("/script"):
            told = [("WWW-Authenticate", "Bearer"), ("X-ZT-Reason", "token_expired"), ("X-ZT-Decision", "D-401")]
            body = b"" if family == "nginx" else b'{"allowed": false, "reason": "token_expired", "reference": "D-401"}'
            return 401, told, body
        body = b"" if family == "nginx" else b"refused, says the decision point"
        return 403, [("X-ZT-Decision", "D-403"), ("Content-Type", "text/plain")], body

    @staticmethod
    def asked(seen: Seen) -> tuple[str, str]:
        """The family, and the path that was asked about."""
        family = seen.target.removeprefix("/forward-auth/").partition("/")[0].partition("?")[0]
        if family == "envoy":
            return family, seen.target.removeprefix("/forward-auth/envoy")
        if family == "nginx":
            return family, "/" + (seen.value("X-Original-URL") or "").split("/", 3)[3]
        return family, seen.value("X-Forwarded-Uri") or ""

    def questions(self) -> list[Seen]:
        return [seen for seen in self.seen if seen.target.startswith("/forward-auth/")]


@dataclass
class Application(Server):
    """Tells what it got; below /stream sends a line every tenth of a second; echoes what comes over a websocket."""

    name: str = "application"

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            seen = await read_request(reader)
            self.seen.append(seen)
            if (seen.value("upgrade") or "").lower() == "websocket" and "no-upgrade" not in seen.target:
                await self.echo(seen, reader, writer)
                return
            if seen.target.startswith("/stream"):
                await self.stream(seen, writer)
                return
            told = {"name": self.name, "method": seen.method, "target": seen.target, "headers": seen.headers}
            told["body"] = hashlib.sha256(seen.body).hexdigest()
            body = json.dumps(told).encode()
            head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
            writer.write(head.encode() + (b"" if seen.method == "HEAD" else body))
            await writer.drain()

    async def stream(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        kind = "text/event-stream" if "text/event-stream" in (seen.value("accept") or "") else "text/plain"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        seconds = float(seen.target.partition("=")[2] or 60)
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            writer.write(b"6\r\ntick\r\n\r\n")
            await writer.drain()
            await asyncio.sleep(0.1)
        writer.write(b"0\r\n\r\n")
        await writer.drain()

    async def echo(self, seen: Seen, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        key = (seen.value("sec-websocket-key") or "").encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key).digest()).decode()
        writer.write(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode()
        )
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()


@contextmanager
def decision_point(port: int = 0) -> Iterator[DecisionPoint]:
    server = DecisionPoint(port)
    with serving(server.handle, server):
        yield server


@contextmanager
def application(name: str = "application", context: ssl.SSLContext | None = None) -> Iterator[Application]:
    server = Application(name=name)
    with serving(server.handle, server, context):
        yield server
