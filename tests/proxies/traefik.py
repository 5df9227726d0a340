"""What Traefik v3 does with a rendered configuration. `python traefik.py CONFIG HOST:PORT`.

An own program, since no package has the real one. It follows pkg/middlewares/auth/forward.go and forwardedheaders of
Traefik 3.3, and Go's net/http, and where versions differ it does what the more trusting one did: it resolves no dots,
refuses no encoded slash, and drops `X-Forwarded-*` of clients in no spelling but the one with dashes.
"""

import http.client
import re
import socket
import sys
import threading
import urllib.parse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.proxies.streams import Head, Stream, UnreadableError

Headers = list[tuple[str, str]]

HOP_BY_HOP = {
    "connection", "proxy-connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer",
    "transfer-encoding", "upgrade",
}  # fmt: skip
DROPPED_FROM_CLIENTS = {
    *(f"x-forwarded-{name}" for name in ("for", "host", "port", "proto", "server", "uri", "method", "prefix")),
    "x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info", "x-real-ip",
}  # fmt: skip
ABSOLUTE = re.compile(r"https?://([^/?#]*)(.*)", re.IGNORECASE)
BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
HOST = re.compile(r"[A-Za-z0-9.:\[\]_%!$&'()*+,;=~-]+")


class RefusedError(Exception):
    """The server answers by itself."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class Request:
    """A request as Go's server reads it: one host, a method that is a token, a target that parses."""

    def __init__(self, head: Head, peer: str) -> None:
        self.method, self.peer, self.websocket = head.method, peer, head.is_websocket
        hosts = head.values("host")
        if len(hosts) != 1 or not TOKEN.fullmatch(head.method):
            raise RefusedError(400)
        self.host, self.target = hosts[0], head.target
        if absolute := ABSOLUTE.fullmatch(head.target):
            self.host, self.target = absolute[1], absolute[2] or "/"
        if any(character <= " " or character == "\x7f" for character in self.target) or self.target[:1] != "/":
            raise RefusedError(400)
        if BROKEN_ESCAPE.search(self.target.partition("?")[0]) or (self.host and not HOST.fullmatch(self.host)):
            raise RefusedError(400)
        if any(not TOKEN.fullmatch(name) for name, _ in head.headers):
            raise RefusedError(400)
        if head.value("transfer-encoding") not in {"", "chunked"}:
            raise RefusedError(501)
        self.target = urllib.parse.quote(self.target.encode("latin-1"), safe="".join(map(chr, range(0x21, 0x7F))))
        named = {name.strip().lower() for name in head.value("connection").split(",")}
        kept = DROPPED_FROM_CLIENTS | {"upgrade"}  # its own and, for websockets, the one that the name stands for
        self.headers = [
            (name, value)
            for name, value in head.headers
            if name.lower() not in (named - kept) | DROPPED_FROM_CLIENTS | {"host", "content-length", "expect"}
        ]
        self.upgrades = "upgrade" in named

    @property
    def end_to_end(self) -> Headers:
        return [(name, value) for name, value in self.headers if name.lower() not in HOP_BY_HOP]

    @property
    def upgrade(self) -> Headers:
        """What goes on of a wish to change the protocol: Go hands on any of them."""
        wanted = [value for name, value in self.headers if name.lower() == "upgrade"]
        return [("Connection", "Upgrade"), ("Upgrade", wanted[0])] if self.upgrades and wanted else []

    @property
    def path(self) -> str:
        return urllib.parse.unquote(self.target.partition("?")[0])

    @property
    def name(self) -> str:
        """The host as routers compare it."""
        return self.host.rsplit(":", 1)[0].lower().removesuffix(".")

    def without(self, names: Iterable[str]) -> None:
        gone = {name.lower() for name in names}
        self.headers = [(name, value) for name, value in self.headers if name.lower() not in gone]


class Configuration:
    """The dynamic configuration: which router takes a request, and what it does with it."""

    def __init__(self, text: str) -> None:
        self.http: dict[str, Any] = yaml.safe_load(text)["http"]
        routers = self.http["routers"].values()
        self.routers = sorted(routers, key=lambda found: -int(found.get("priority", len(found["rule"]))))

    def router(self, request: Request) -> dict[str, Any]:
        for router in self.routers:
            if matches(router["rule"], request):
                return dict(router)
        raise RefusedError(404)

    def middleware(self, name: str) -> dict[str, Any]:
        return dict(self.http["middlewares"][name.partition("@")[0]])

    def server(self, service: str) -> tuple[str, int]:
        url = self.http["services"][service.partition("@")[0]]["loadBalancer"]["servers"][0]["url"]
        parts = urllib.parse.urlsplit(url)
        return parts.hostname or "", parts.port or 80


def matches(rule: str, request: Request) -> bool:
    """Whether a request fits a rule such as ``Host(`a.test`) && PathPrefix(`/x`)``."""
    words = re.sub(r"`([^`]*)`", lambda found: repr(found[1]), rule)
    words = words.replace("&&", " and ").replace("||", " or ").replace("!", " not ")
    matchers = {
        "Host": lambda *names: request.name in {name.lower() for name in names},
        "HostRegexp": lambda pattern: re.search(pattern, request.name) is not None,
        "PathPrefix": lambda *prefixes: request.path.startswith(prefixes),
        "Path": lambda *paths: request.path in paths,
        "PathRegexp": lambda pattern: re.search(pattern, request.path) is not None,
        "Method": lambda *methods: request.method in methods,
        "HeaderRegexp": lambda name, pattern: any(
            re.search(pattern, value) for found, value in request.headers if found.lower() == name.lower()
        ),
        "Header": lambda name, wanted: (
            (name.lower(), wanted) in {(key.lower(), value) for key, value in request.headers}
        ),
    }
    return bool(eval(words, {"__builtins__": {}}, matchers))


def set_headers(request: Request, options: dict[str, Any]) -> None:
    """`headers.customRequestHeaders`: an empty value takes the header away."""
    for name, value in options.get("customRequestHeaders", {}).items():
        request.without([name])
        if value:
            request.headers.append((name, str(value)))


def forward_auth(request: Request, options: dict[str, Any]) -> http.client.HTTPResponse | None:
    """Ask, and put what the answer says of the person into the request. An answer that says no is returned."""
    answer = ask(request, options)
    if not 200 <= answer.status < 300:
        return answer
    pattern = options.get("authResponseHeadersRegex")
    names = {name.lower() for name in options.get("authResponseHeaders", [])}
    told = [name for name, _ in (*request.headers, *answer.getheaders()) if pattern and re.search(pattern, name)]
    names |= {name.lower() for name in told}
    request.without(names)
    request.headers += [(name, value) for name, value in answer.getheaders() if name.lower() in names]
    return None


def ask(request: Request, options: dict[str, Any]) -> http.client.HTTPResponse:
    address = urllib.parse.urlsplit(options["address"])
    wanted = {name.lower() for name in options.get("authRequestHeaders", [])}
    headers = [(name, value) for name, value in request.end_to_end if not wanted or name.lower() in wanted]
    headers += [
        ("X-Forwarded-For", request.peer), ("X-Forwarded-Method", request.method), ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", request.host), ("X-Forwarded-Port", "80"), ("X-Forwarded-Uri", request.target),
    ]  # fmt: skip
    connection = http.client.HTTPConnection(address.hostname or "", address.port or 80, timeout=10)
    try:
        connection.putrequest("GET", address.path or "/", skip_accept_encoding=True)
        for name, value in headers:
            connection.putheader(name, value.encode("latin-1"))
        connection.endheaders()
        answer = connection.getresponse()
        answer.body = answer.read()  # type: ignore[attr-defined]  # read here, while the connection is open
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise RefusedError(500) from error
    finally:
        connection.close()
    return answer


class Connection:
    """One request of a client, from the router to the application and back."""

    def __init__(self, client: socket.socket, peer: str, configuration: Configuration) -> None:
        self.client, self.peer, self.configuration = client, peer, configuration

    def serve(self) -> None:
        with self.client:
            try:
                self._serve(Stream(self.client))
            except RefusedError as refused:
                self._send(refused.status, [], b"")
            except UnreadableError:
                self._send(400, [], b"")
            except (OSError, EOFError, ValueError, http.client.HTTPException):
                return

    def _serve(self, stream: Stream) -> None:
        head = stream.head()
        if head is None:
            return
        request = Request(head, self.peer)
        router = self.configuration.router(request)
        for name in router.get("middlewares", []):
            for kind, options in self.configuration.middleware(name).items():
                refused = self._through(kind, request, options or {})
                if refused is not None:
                    self._send(refused.status, list(kept(refused.getheaders())), refused.body)  # type: ignore[attr-defined]
                    return
        server = self.configuration.server(router["service"])
        if request.websocket:
            self._tunnel(request, server, stream.ahead)
        else:
            self._forward(request, server, stream.body(head))

    def _through(self, kind: str, request: Request, options: dict[str, Any]) -> http.client.HTTPResponse | None:
        if kind == "headers":
            set_headers(request, options)
            return None
        if kind != "forwardAuth":
            raise LookupError(f"this emulation does not know {kind}")
        return forward_auth(request, options)

    def _headers(self, request: Request, headers: Headers) -> Headers:
        host = [("Host", request.host), *headers]
        return [
            *host,
            ("X-Forwarded-For", self.peer),
            ("X-Forwarded-Host", request.host),
            ("X-Forwarded-Proto", "http"),
        ]

    def _forward(self, request: Request, server: tuple[str, int], body: bytes) -> None:
        connection = http.client.HTTPConnection(*server, timeout=10)
        try:
            connection.putrequest(request.method, request.target, skip_host=True, skip_accept_encoding=True)
            framing = [("Content-Length", str(len(body)))] if body else []
            for name, value in (*self._headers(request, [*request.end_to_end, *request.upgrade]), *framing):
                connection.putheader(name, value.encode("latin-1"))
            connection.endheaders(body or None)
            answer = connection.getresponse()
            length = [("Content-Length", answer.getheader("content-length") or "0")] if request.method == "HEAD" else []
            self._send(answer.status, [*kept(answer.getheaders()), *length], answer.read(), head=bool(length))
        finally:
            connection.close()

    def _tunnel(self, request: Request, server: tuple[str, int], ahead: bytes) -> None:
        headers = "".join(
            f"{name}: {value}\r\n" for name, value in self._headers(request, [*request.end_to_end, *request.upgrade])
        )
        with socket.create_connection(server, timeout=10) as upstream:
            upstream.sendall(f"{request.method} {request.target} HTTP/1.1\r\n{headers}\r\n".encode("latin-1") + ahead)
            upstream.settimeout(None)
            threading.Thread(target=pump, args=(self.client, upstream), daemon=True).start()
            pump(upstream, self.client)

    def _send(self, status: int, headers: Headers, body: bytes, *, head: bool = False) -> None:
        framing = [] if head else [("Content-Length", str(len(body)))]
        lines = [f"HTTP/1.1 {status} {http.client.responses.get(status, 'Answer')}"]
        lines += [f"{name}: {value}" for name, value in (*headers, *framing, ("Connection", "close"))]
        self.client.sendall("\r\n".join((*lines, "", "")).encode("latin-1") + (b"" if head else body))


def kept(headers: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    return ((name, value) for name, value in headers if name.lower() not in HOP_BY_HOP | {"content-length"})


def pump(source: socket.socket, sink: socket.socket) -> None:
    try:
        while more := source.recv(65536):
            sink.sendall(more)
    except OSError:
        return


def main(file: str, address: str) -> None:
    configuration = Configuration(Path(file).read_text())
    host, _, port = address.rpartition(":")
    with socket.create_server((host, int(port)), backlog=128) as listener:
        while True:
            client, peer = listener.accept()
            connection = Connection(client, peer[0], configuration)
            threading.Thread(target=connection.serve, daemon=True).start()


if __name__ == "__main__":
    main(*sys.argv[1:])
