"""What carries websockets and event streams for Envoy: it asks again about each as long as it is open.

Envoy asks once, when a request begins. What stays open goes through here: every `every` seconds the question is put to
the decision point again, with the headers it was put with, and unless the answer is 200 both sides are cut. Only Envoy
can come here (a Unix socket in a folder of its own), and the way goes to stored upstreams alone.
"""

import asyncio
import logging
import re
import ssl
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from segments.gateway.headers import (
    AGAIN_HEADER,
    COOKIE_NAMES,
    IDENTITY,
    QUESTION_PREFIX,
    RELAY_HEADER,
    SHOWN,
    TOKEN_PATTERN,
)
from segments.gateway.placement import Address
from segments.gateway.sites import Upstream

logger: Final = logging.getLogger(__name__)

HOLD: Final = "hold"  # who says this instead of an upstream wants to wait (segments/gateway/lua.py)
LONGEST_HEAD: Final = 128 * 1024
CHUNK: Final = 64 * 1024
CONNECT_TIMEOUT: Final = 5.0
HEAD_TIMEOUT: Final = 300.0
ANSWER_TIMEOUT: Final = 10.0
IDENTITY_NAMES: Final = frozenset(name.lower() for name in IDENTITY)
TOKEN: Final = re.compile(TOKEN_PATTERN, re.IGNORECASE)
YES: Final = re.compile(rb"HTTP/1\.[01] 200[ \r\n]")
SWITCHED: Final = re.compile(rb"HTTP/1\.1 101[ \r\n]")
UNREACHABLE: Final = (
    b"HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/plain; charset=utf-8\r\ncontent-length: 33\r\n"
    b"connection: close\r\n\r\nThe application does not answer.\n"
)

Headers = tuple[tuple[str, str], ...]


class RelayError(Exception):
    """A connection that cannot be carried."""


@dataclass(frozen=True, slots=True)
class Head:
    """The first lines of a request, as Envoy wrote them. Names are lower-case."""

    method: str
    target: str
    headers: Headers

    @classmethod
    def parse(cls, data: bytes) -> "Head":
        first, *lines = data.decode("latin-1").removesuffix("\r\n\r\n").split("\r\n")
        parts = first.split(" ")
        pairs = [line.partition(":") for line in lines]
        if len(parts) != 3 or not all(colon for _name, colon, _value in pairs):
            raise RelayError("the request cannot be read")
        headers = tuple((name.strip().lower(), value.strip()) for name, _colon, value in pairs)
        return cls(parts[0], parts[1], headers)

    def value(self, name: str) -> str:
        return next((value for found, value in self.headers if found == name), "")

    @property
    def is_upgrade(self) -> bool:
        return self.value("upgrade").lower() == "websocket"

    def question(self) -> bytes:
        """The request as the decision point was asked about it, marked as asked again: nobody did anything."""
        shown = {name.lower() for name in SHOWN}
        kept = [(name, value) for name, value in self.headers if name in shown or name == "host"]
        kept += [(AGAIN_HEADER, "1"), ("content-length", "0"), ("connection", "close")]
        return _written(f"{self.method} {QUESTION_PREFIX}{self.target} HTTP/1.1", kept)

    def onward(self) -> bytes:
        """The request as the application gets it: without the relay's header, empty identities and tokens of ours."""
        kept = [(name, value) for name, value in _without_our_cookies(self.headers) if not _is_ours(name, value)]
        if not self.is_upgrade:  # one request a connection: what follows was never asked about
            kept = [(name, value) for name, value in kept if name != "connection"] + [("connection", "close")]
        return _written(f"{self.method} {self.target} HTTP/1.1", kept)


def _without_our_cookies(headers: Headers) -> Headers:
    """What the decision point knows a visitor by goes to no application; other cookies stay as they are."""
    cut = ((name, _cut(value) if name == "cookie" else value) for name, value in headers)
    return tuple((name, value) for name, value in cut if name != "cookie" or value)


def _cut(cookies: str) -> str:
    parts = cookies.split(";")
    kept = [part for part in parts if part.partition("=")[0].strip() not in COOKIE_NAMES]
    return cookies if len(kept) == len(parts) else ";".join(kept).lstrip()


def _is_ours(name: str, value: str) -> bool:
    if name == "authorization":
        return TOKEN.search(value) is not None
    return name == RELAY_HEADER or (name in IDENTITY_NAMES and not value)  # unknown is not there, rather than empty


def _written(first: str, headers: Iterable[tuple[str, str]]) -> bytes:
    lines = [first, *(f"{name}: {value}" for name, value in headers), "", ""]
    return "\r\n".join(lines).encode("latin-1")


class Relay:
    """Connections that stay open, each asked about again every `every` seconds."""

    def __init__(self, decision_point: Address, *, every: float, authorities: str) -> None:
        self._decision_point, self._every, self._authorities = decision_point, every, authorities
        self._upstreams: dict[str, Upstream] = {}

    def allow(self, upstreams: Iterable[Upstream]) -> None:
        """Lead to these. Those of before stay: Envoy may use its earlier routes a moment longer."""
        self._upstreams |= {upstream.url: upstream for upstream in upstreams}

    async def serve(self, socket: str) -> asyncio.Server:
        """Begin to listen."""
        return await asyncio.start_unix_server(self._carry, socket, limit=LONGEST_HEAD, backlog=1024)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection from Envoy, from its first line to its end."""
        try:
            head = Head.parse(await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), ANSWER_TIMEOUT))
            if head.value(RELAY_HEADER) == HOLD:
                await reader.read()  # until Envoy gives up
                await _close(writer)
                return
            away_reader, away_writer = await self._reach(head)
        except (RelayError, OSError, EOFError, ValueError, asyncio.LimitOverrunError, ssl.SSLError):
            writer.write(UNREACHABLE)
            await _close(writer)
            return
        carried = asyncio.ensure_future(_both_ways(head, (reader, writer), (away_reader, away_writer)))
        watched = asyncio.ensure_future(self._watch(head))
        try:
            await asyncio.wait({carried, watched}, return_when=asyncio.FIRST_COMPLETED)
            if not carried.done():  # refused: nothing more leaves, not even what waits
                writer.transport.abort()
                away_writer.transport.abort()
        finally:
            carried.cancel()
            watched.cancel()
            with suppress(asyncio.CancelledError, OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                await carried
            await _close(away_writer)
            await _close(writer)

    @cached_property
    def _context(self) -> ssl.SSLContext:
        """Once: the file is a large one."""
        return ssl.create_default_context(cafile=self._authorities)

    async def _reach(self, head: Head) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        upstream = self._upstreams.get(head.value(RELAY_HEADER))
        if upstream is None:
            raise RelayError("no such upstream is stored")
        host = upstream.host.strip("[]")
        context = self._context if upstream.is_encrypted else None
        name = host if upstream.is_encrypted else None
        connection = asyncio.open_connection(host, upstream.port, limit=LONGEST_HEAD, ssl=context, server_hostname=name)
        return await asyncio.wait_for(connection, CONNECT_TIMEOUT)

    async def _watch(self, head: Head) -> None:
        """Return when the request would not be let in any more, or nobody can say."""
        question = head.question()
        while True:
            await asyncio.sleep(self._every)
            try:
                allowed = await asyncio.wait_for(self._ask(question), ANSWER_TIMEOUT)
            except (OSError, EOFError, ValueError, asyncio.LimitOverrunError):
                allowed = False
            if not allowed:
                return

    async def _ask(self, question: bytes) -> bool:
        point = self._decision_point
        reader, writer = await asyncio.open_connection(point.bare_host, point.port)
        try:
            writer.write(question)
            await writer.drain()
            return YES.match(await reader.readuntil(b"\n")) is not None
        finally:
            writer.transport.abort()


Side = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _both_ways(head: Head, envoy: Side, away: Side) -> None:
    """Carry bytes until either side ends."""
    away[1].write(head.onward())
    await away[1].drain()
    onward: asyncio.StreamWriter | None = away[1]
    if head.is_upgrade:
        answer = await asyncio.wait_for(away[0].readuntil(b"\r\n\r\n"), HEAD_TIMEOUT)
        envoy[1].write(answer)
        await envoy[1].drain()
        if SWITCHED.match(answer) is None:  # no websocket: what the client sends on was never asked about
            onward = None
    pumps = {asyncio.ensure_future(_pump(envoy[0], onward)), asyncio.ensure_future(_pump(away[0], envoy[1]))}
    try:
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter | None) -> None:
    while data := await reader.read(CHUNK):
        if writer is not None:
            writer.write(data)
            await writer.drain()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, TimeoutError):
        await asyncio.wait_for(writer.wait_closed(), ANSWER_TIMEOUT)
