"""Applications behind a proxy, the people who go there, and the questions that proxies ask about them."""

import os
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from django.utils import timezone

from accounts.models import Role, Session, User
from audit.models import Entry
from segments.enforcement.proxies import Family
from segments.models import Resource, Segment
from tests import factories
from tests.processes.decision_point import DecisionPointProcess, Reply
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import headers_of
from tests.settings import KEYS

HOST, OTHER, PORTAL = "app.example.test", "hr.example.test", "https://portal.example.test"
BROWSER = (("Sec-Fetch-Mode", "navigate"), ("Accept", "text/html"))
SCRIPT = (("Accept", "application/json"),)
WEBSOCKET = (
    ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="), ("Accept", "text/html"),
)  # fmt: skip
CLIENT = ("X-Forwarded-For", "203.0.113.7")
Pairs = tuple[tuple[str, str], ...]


@dataclass
class Cast:
    """Who asks, by name, with a session and the cookie that came with it. `stale` is alice, verified long ago."""

    people: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)

    def add(self, name: str, person: User, *, host: str = HOST) -> None:
        self.people[name] = person
        self.sessions[name] = factories.session(person)
        self.cookies[name] = factories.application_cookie(self.sessions[name], host)

    def cookie(self, name: str) -> Pairs:
        """The cookie header of `name`, as a browser sends it; none for `nobody` (or `anonymous`)."""
        return (("Cookie", f"theme=dark; __Host-zt-app={self.cookies[name]}"),) if name in self.cookies else ()


def policy_and_cast() -> Cast:
    """alice may read /public, bob may use /finance, carol nothing. /vault is quarantined, /fresh asks for more."""
    reader, accountant = factories.role("reader"), factories.role("accountant")
    _segment("public", "/public", reader)
    _segment("finance", "/finance", accountant, actions=["read", "write"])
    rows.web(rows.segment("health"), HOST, "/health", anonymous=True)
    _segment("vault", "/vault", reader, state=Segment.State.QUARANTINED)
    _segment("fresh", "/fresh", reader, reauth_after=timedelta(minutes=15))
    _segment("near", "/near", reader, networks=["10.0.0.0/8"])
    rows.web(Segment.objects.get(slug="finance"), OTHER)
    cast = Cast()
    cast.add("alice", factories.alice(roles=("reader",), email="alice@example.test"))
    cast.add("bob", factories.bob(roles=("accountant",)))
    cast.add("carol", factories.user("carol"))
    cast.add("stale", cast.people["alice"])
    long_ago = (timezone.now() - timedelta(hours=1)).isoformat()
    row = cast.sessions["stale"]
    row.verifications = [given | {"at": long_ago} for given in row.verifications]
    row.save(update_fields=["verifications"])
    return cast


def _segment(slug: str, path: str, role: Role, **fields: object) -> None:
    actions = fields.pop("actions", ["read"])
    segment = rows.segment(slug, **fields)
    rows.web(segment, HOST, path)
    rows.grant(segment, role, actions=actions)


def register_hosts(number: int) -> None:
    """Register more applications of others, until there are `number` of them."""
    segment = Segment.objects.get(slug="finance")
    known = Resource.objects.filter(kind=Resource.Kind.WEB).values("host").distinct().count()
    names = [f"host{count}.example.test" for count in range(known, number)]
    Resource.objects.bulk_create(
        Resource(segment=segment, kind=Resource.Kind.WEB, name=name, host=name, path="/") for name in names
    )


class Proxies:
    """The proxies in front of the applications: they ask one decision point about what clients send."""

    def __init__(self, folder: Path, database: str, *, workers: int = 1, **environment: str) -> None:
        shared = {name: os.environ[name] for name in (*KEYS, "SECRET_KEY")}
        self.point = DecisionPointProcess(
            folder,
            workers=workers,
            DATABASE_URL=database,
            **shared | {"ZT_TLS": "on", "ZT_PORTAL_URL": PORTAL, **environment},
        )

    def ask(
        self,
        family: Family,
        *more: tuple[str, str],
        method: str = "GET",
        scheme: str = "https",
        host: str = HOST,
        path: str = "/public/x",
        client: Pairs = (CLIENT,),
    ) -> Reply:
        """What a proxy of this family is answered about a request that came with the headers `more`."""
        own = headers_of(family, method=method, scheme=scheme, host=host, path=path)
        if family is Family.ENVOY:
            return self.point.ask(method, f"/forward-auth/envoy{path}", (*own, *client, *more))
        return self.point.ask("GET", f"/forward-auth/{family.value}", (("Host", "127.0.0.1"), *own, *client, *more))


def decisions() -> int:
    return Entry.objects.filter(kind="decision").count()
