"""Random small worlds and questions, dense with near misses. The same seed gives the same world."""

import random
from datetime import UTC, datetime, time, timedelta
from ipaddress import ip_address, ip_network
from zoneinfo import ZoneInfo

from segments.policy.conditions import IPNetwork
from segments.policy.model import (
    Assurance,
    Context,
    Factor,
    Grant,
    Hours,
    Policy,
    Segment,
    Subject,
    SubjectKind,
    Verification,
    ViewResource,
    ViewTarget,
    WebResource,
    WebTarget,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
ROLES = ("everybody", "clerk", "accountant", "auditor")
SUBJECTS = ("user:alice", "user:bob", "service:batch")
METHODS = (*("GET",) * 20, *("HEAD", "OPTIONS", "POST", "PUT", "DELETE") * 2, "PURGE", "TRACE", "get", "")
PATHS = ("/", "/a", "/A", "/a/b", "/a/B", "/a/b/c", "/fin", "/finance", "/public", "/public/x")
HOSTS = ("app.example.test", "api.example.test", "*.example.test", "other.test")
ASKED_HOSTS = ("app.example.test", "api.example.test", "x.example.test", "other.test", "APP.example.test:8443")
ODD_HOSTS = ("app.example.test.", "x.y.example.test", "example.test", "*.example.test", "app_.example.test", "", "a..b")
VIEWS = ("home", "payroll:run", "payroll:*", "payroll:deep:*", "payroll:deep:run", "books:*")
ASKED_VIEWS = (
    "home",
    "payroll:run",
    "payroll:stop",
    "payroll:deep:run",
    "payroll:deep:x",
    "books:x",
    "payroll",
    "",
    "x:y",
)
NETWORKS = tuple(map(ip_network, ("10.0.0.0/8", "10.1.0.0/16", "10.1.2.3/32", "2001:db8::/32", "::ffff:10.9.0.0/112")))
ADDRESSES = ("10.1.2.3", "10.1.2.4", "10.2.0.1", "11.0.0.1", "::ffff:10.1.2.3", "::ffff:10.9.0.1", "2001:db8::1", None)
MOMENTS = tuple(NOW + minutes * MINUTE for minutes in (-60, -1, 0, 1, 60))
PIECES = (
    "/", "/", "/a", "/A", "/b", "/B", "/c", "/fin", "/finance", "/public", "/x", "//", "/.", "/..", "/..", ";", ";v=1",
    "\\", "%2f", "%5c", "%2e", "%2e%2e", "%252f", "%252e", "%25252e", "%61", "%41", "%2561", "%3b", "%3f", "%23", "%20",
    "%EF%BC%8E", "%EF%BC%8F", "%C3%A9", "%E2%84%AA", "%25", "?a=/finance", "nce", ".",
)  # fmt: skip
MALFORMED_PIECES = ("%00", "%zz", "%c0%af", "#", " ", "é", "%2500", "%252", "\n")


def policy(chance: random.Random) -> Policy:
    slugs = [f"s{number}" for number in range(chance.randint(1, 4))]
    return Policy(
        version=1,
        segments=tuple(_segment(slug, chance) for slug in slugs),
        resources=tuple(_resource(number, slugs, chance) for number in range(chance.choice([0, 3, 6, 9, 12]))),
        grants=tuple(_grant(number, slugs, chance) for number in range(chance.choice([0, 3, 6, 9, 12]))),
    )


def subject(chance: random.Random) -> Subject | None:
    if chance.random() < 0.05:
        return None
    name = chance.choice(SUBJECTS)
    kind = SubjectKind(name.partition(":")[0])
    verifications = tuple(
        Verification(chance.choice(list(Factor)), NOW - chance.choice([0, 14, 15, 16, 59, 60]) * MINUTE)
        for _ in range(chance.choice([0, 1, 1, 1, 2]))
    )
    return Subject(
        name,
        name.partition(":")[2],
        kind,
        frozenset({"everybody", *(role for role in ROLES if chance.random() < 0.4)}),
        active=chance.random() < 0.97,
        quarantined=chance.random() < 0.03,
        session_active=chance.random() < 0.97,
        enrolled=chance.random() < 0.95,
        verifications=verifications,
    )


def target(policy: Policy, chance: random.Random) -> ViewTarget | WebTarget:
    """A target in or beside something the policy knows."""
    method = chance.choice(METHODS)
    if chance.random() < 0.15:
        return ViewTarget(chance.choice(ASKED_VIEWS), method)
    webs = [resource for resource in policy.resources if isinstance(resource, WebResource)]
    if not webs or chance.random() < 0.15:
        return WebTarget(chance.choice((*ASKED_HOSTS, *ODD_HOSTS)), chance.choice(PATHS) + tail(chance), method)
    known = chance.choice(webs)
    return WebTarget(known.host.replace("*", "x"), known.path.rstrip("/") + tail(chance), method)


def tail(chance: random.Random) -> str:
    """What may follow a prefix: nothing or little most of the time, else tricks."""
    if chance.random() < 0.5:
        return chance.choice(("/", "/", "/x", "/b/c", "x", "/?q=1"))
    tricks = [chance.choice(PIECES) for _ in range(chance.randint(1, 5))]
    if chance.random() < 0.1:
        tricks.append(chance.choice(MALFORMED_PIECES))
    return chance.choice(("/", "/", "")) + "".join(tricks)


def context(chance: random.Random) -> Context:
    address = chance.choice(ADDRESSES)
    return Context(chance.choice(MOMENTS), None if address is None else ip_address(address))


def action(chance: random.Random) -> str | None:
    return chance.choice([None] * 9 + ["approve"])


def _segment(slug: str, chance: random.Random) -> Segment:
    return Segment(
        slug,
        assurance=chance.choice([Assurance.MFA, Assurance.MFA, Assurance.PHISHING_RESISTANT]),
        reauth_after=chance.choice([None, None, 15 * MINUTE, 60 * MINUTE]),
        allow_service_accounts=chance.random() < 0.4,
        networks=_networks(chance, 0.15),
        hours=_hours(chance, 0.15),
        quarantined=chance.random() < 0.05,
    )


def _resource(number: int, slugs: list[str], chance: random.Random) -> ViewResource | WebResource:
    segment = chance.choice(slugs)
    anonymous = chance.random() < 0.08
    if chance.random() < 0.25:
        return ViewResource(f"r{number}", segment, chance.choice(VIEWS), anonymous)
    methods = chance.choice([None, None, None, frozenset({"GET"}), frozenset({"POST", "PUT"}), frozenset({"HEAD"})])
    return WebResource(
        f"r{number}",
        segment,
        chance.choice(HOSTS),
        chance.choice(PATHS),
        methods,
        anonymous,
        case_insensitive=chance.random() < 0.15,
    )


def _grant(number: int, slugs: list[str], chance: random.Random) -> Grant:
    role = chance.choice([*ROLES, None])
    not_before, expires_at = chance.choice(
        [(None, None)] * 4 + [(MOMENTS[1], None), (None, MOMENTS[2]), MOMENTS[1:4:2]]
    )
    return Grant(
        f"g{number}",
        chance.choice(slugs),
        role=role,
        subject=chance.choice(SUBJECTS) if role is None else None,
        actions=frozenset(
            chance.choice([["read"], ["read"], ["write"], ["read", "write"], ["approve", "read", "write"]])
        ),
        networks=_networks(chance, 0.2),
        hours=_hours(chance, 0.2),
        not_before=not_before,
        expires_at=expires_at,
    )


def _networks(chance: random.Random, share: float) -> tuple[IPNetwork, ...]:
    return tuple(chance.sample(NETWORKS, chance.randint(1, 2))) if chance.random() < share else ()


def _hours(chance: random.Random, share: float) -> Hours | None:
    if chance.random() >= share:
        return None
    zone, start, end = chance.choice(
        [
            ("UTC", time(10), time(11)),
            ("Europe/Berlin", time(10), time(11, 1)),
            ("UTC", time(9), time(10)),
            ("Asia/Tokyo", time(19), time(0)),
        ]
    )
    return Hours(frozenset(chance.sample(range(7), 5)), start, end, ZoneInfo(zone))
