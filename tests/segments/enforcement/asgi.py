"""A browser that goes to an application behind Traefik and the decision point, called in this process."""

import asyncio
from collections.abc import MutableMapping
from typing import Any

from django.db import connections

from segments.enforcement.decision_point import DecisionPoint
from segments.enforcement.proxies import Family
from tests.segments.enforcement.asking_proxies import headers_of

Pairs = tuple[tuple[str, str], ...]
BROWSER = (("sec-fetch-mode", "navigate"), ("accept", "text/html"))


class ApplicationBrowser:
    """Keeps the cookies of one host. The proxy hands `/.zt/` to the decision point, and asks about everything else."""

    def __init__(self, host: str) -> None:
        self.host, self.cookies = host, dict[str, str]()
        self.point = DecisionPoint()

    def go(self, path: str, *headers: tuple[str, str], method: str = "GET") -> tuple[int, dict[str, str], str]:
        """Status, headers and body of what the browser is answered."""
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        own = (*BROWSER, ("x-forwarded-for", "203.0.113.7"), *((("cookie", kept),) if kept else ()), *headers)
        if path.startswith("/.zt/"):
            return self._call(method, path, (("host", self.host), *own))
        asked = headers_of(Family.TRAEFIK, method=method, scheme="https", host=self.host, path=path)
        return self._call("GET", "/forward-auth/traefik", (*asked, *own))

    def close(self) -> None:
        self.point._threads.submit(connections.close_all).result()
        self.point._threads.shutdown()

    def _call(self, method: str, target: str, headers: Pairs) -> tuple[int, dict[str, str], str]:
        path, _mark, query = target.partition("?")
        scope: MutableMapping[str, Any] = {
            "type": "http",
            "method": method,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "client": ("127.0.0.1", 1),
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }
        sent: list[MutableMapping[str, Any]] = []

        async def receive() -> MutableMapping[str, Any]:
            return {"type": "http.request"}

        async def send(message: MutableMapping[str, Any]) -> None:
            sent.append(message)

        asyncio.run(self.point(scope, receive, send))
        found = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        self._keep(found.get("set-cookie", ""))
        return sent[0]["status"], found, sent[1]["body"].decode()

    def _keep(self, cookie: str) -> None:
        name, _equals, value = cookie.partition(";")[0].partition("=")
        if "Max-Age=0" in cookie:
            self.cookies.pop(name, None)
        elif name:
            self.cookies[name] = value
