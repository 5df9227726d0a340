"""The policy decision point as an ASGI application: no middleware, no URL resolver, nothing folded or decoded.

An ASGI scope keeps every header as it was sent and the raw path; that is why this is no Django view. Decisions run in a
few threads with a database connection each. Whatever fails, takes too long or finds no free thread is refused.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from threading import BoundedSemaphore
from typing import Any, Final

from django.conf import settings
from django.db import close_old_connections, connections
from django.utils import timezone

from segments import assertion_keys, version
from segments.enforcement import answers, application_pages, forward_auth, metrics, visits
from segments.enforcement.answers import Answer
from segments.enforcement.proxies import Family, Received

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Work = Callable[[], Answer]

logger: Final = logging.getLogger(__name__)

QUESTIONS: Final[Mapping[str, Family]] = {f"/forward-auth/{family.value}": family for family in Family}
ENVOY: Final = f"/forward-auth/{Family.ENVOY.value}"
KEY_SET: Final = "/.well-known/jwks.json"
MOST_WAITING: Final = 100  # for each thread; more are refused at once rather than late


class DecisionPoint:
    """`await DecisionPoint()(scope, receive, send)`: one request, one answer."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(settings.ZT_DECISION_THREADS, thread_name_prefix="decision")
        self._places = BoundedSemaphore(settings.ZT_DECISION_THREADS * MOST_WAITING)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await _live(receive, send)
        elif scope["type"] == "http":
            answer = await self._answer(scope)
            await _send(send, answer, without_body=scope["method"] == "HEAD")

    async def _answer(self, scope: Scope) -> Answer:
        received = _received(scope)
        peer = scope["client"][0] if scope.get("client") else ""
        path = received.path.partition("?")[0]
        if path == "/livez":
            return answers.script(HTTPStatus.OK, {"status": "alive"})
        if path == "/readyz":
            return await self._in_thread(_readiness, _not_ready)
        if path == KEY_SET:
            return await self._in_thread(_key_set, _not_ready)
        if path == "/metrics" and visits.is_near(peer):
            return Answer(HTTPStatus.OK, (("content-type", metrics.CONTENT_TYPE),), metrics.exposition())
        return await self._asked(path, received, peer)

    async def _asked(self, path: str, received: Received, peer: str) -> Answer:
        """What only a trusted proxy is answered."""
        family = Family.ENVOY if path.startswith(ENVOY) else QUESTIONS.get(path)  # whatever path Envoy appends
        if family is None and not path.startswith(application_pages.PREFIX):
            return answers.script(HTTPStatus.NOT_FOUND, {"error": "not found"})
        at = timezone.now()
        if not visits.is_trusted(peer):
            logger.warning("refused %s, which is not in ZT_TRUSTED_PROXIES", peer or "a peer without an address")
            return _refusal(family)
        if family is None:
            return await self._in_thread(
                lambda: application_pages.respond(received, peer=peer, at=at), lambda: _refusal(None)
            )
        asked = received if family is not Family.ENVOY else _without_prefix(received)
        return await self._in_thread(
            lambda: forward_auth.answer(family, asked, peer=peer, at=at), lambda: _refusal(family)
        )

    async def _in_thread(self, work: Work, otherwise: Work) -> Answer:
        """What `work` answers in a thread with a connection; `otherwise` where it raises, is late or finds no place."""
        if not self._places.acquire(blocking=False):
            logger.error("refused a request: too many are waiting for a decision")
            return otherwise()
        future = self._threads.submit(_with_connection, work)
        future.add_done_callback(lambda _done: self._places.release())
        try:
            return await asyncio.wait_for(asyncio.wrap_future(future), settings.ZT_DECISION_TIMEOUT)
        except TimeoutError:
            logger.warning("refused a request: it took longer than %s seconds", settings.ZT_DECISION_TIMEOUT)
        except Exception:
            logger.exception("refused a request: the answer failed")
        return otherwise()


def _with_connection(work: Work) -> Answer:
    """Run in a thread: connections are kept, and thrown away after anything went wrong with them."""
    close_old_connections()
    try:
        return work()
    except Exception:
        connections.close_all()
        raise


def _received(scope: Scope) -> Received:
    path = scope.get("raw_path") or b""
    query = scope.get("query_string", b"")
    target = path + b"?" + query if query else path
    headers = tuple((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in scope["headers"])
    return Received(scope["method"], target.decode("latin-1"), headers)


def _without_prefix(received: Received) -> Received:
    return Received(received.method, received.path.removeprefix(ENVOY), received.headers)


def _refusal(family: Family | None) -> Answer:
    """No, without a look at anything: 403 is what each family takes for one."""
    if family is Family.NGINX:
        return Answer(HTTPStatus.FORBIDDEN, answers.ALWAYS)
    return answers.script(HTTPStatus.FORBIDDEN, {"allowed": False, "reason": "policy_error"})


def _readiness() -> Answer:
    """Ready is who can read the policy."""
    version.read()
    return answers.script(HTTPStatus.OK, {"status": "ready"})


def _not_ready() -> Answer:
    return answers.script(HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "reason": "database"})


def _key_set() -> Answer:
    document = assertion_keys.jwks_document(timezone.now())
    return Answer(HTTPStatus.OK, (("content-type", "application/json"), ("cache-control", "max-age=300")), document)


async def _send(send: Send, answer: Answer, *, without_body: bool) -> None:
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    headers.append((b"content-length", str(len(answer.body)).encode()))
    await send({"type": "http.response.start", "status": int(answer.status), "headers": headers})
    await send({"type": "http.response.body", "body": b"" if without_body else answer.body})


async def _live(receive: Receive, send: Send) -> None:
    """Start and stop with the server."""
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        else:
            await send({"type": "lifespan.shutdown.complete"})
            return
