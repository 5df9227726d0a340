"""The cast of the engine's tests, as values. alice may enter `public`, bob may enter `finance`, batch is a system."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Any

from segments.policy.model import (
    EVERYBODY,
    Context,
    Factor,
    Grant,
    Policy,
    Segment,
    Subject,
    SubjectKind,
    Verification,
    ViewResource,
    WebResource,
    WebTarget,
)

NOW = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)  # a Tuesday
HOST = "app.example.test"
BOTH = frozenset({"read", "write"})


def verified(factor: Factor = Factor.TOTP, age: timedelta = timedelta(minutes=1)) -> Verification:
    return Verification(factor, NOW - age)


def person(name: str, *roles: str, **facts: Any) -> Subject:
    """A person who has signed in and verified a code a minute ago."""
    facts = {"verifications": (verified(),)} | facts
    return Subject(f"user:{name}", name, SubjectKind.USER, frozenset({EVERYBODY, *roles}), **facts)


def system(name: str = "batch", *roles: str, **facts: Any) -> Subject:
    return Subject(f"service:{name}", name, SubjectKind.SERVICE, frozenset({EVERYBODY, *roles}), **facts)


ALICE = person("alice", "clerk")
BOB = person("bob", "accountant")

PUBLIC = Segment("public")
FINANCE = Segment("finance")
PUBLIC_SITE = WebResource("public-site", "public", HOST, "/public")
FINANCE_SITE = WebResource("finance-site", "finance", HOST, "/finance")
PUBLIC_VIEW = ViewResource("notices", "public", "notices:*")
CLERKS = Grant("clerks", "public", role="clerk", actions=BOTH)
ACCOUNTANTS = Grant("accountants", "finance", role="accountant", actions=BOTH)

POLICY = Policy(
    version=1,
    segments=(PUBLIC, FINANCE),
    resources=(PUBLIC_SITE, FINANCE_SITE, PUBLIC_VIEW),
    grants=(CLERKS, ACCOUNTANTS),
)


def changed(**parts: Any) -> Policy:
    """POLICY with its segments, resources or grants replaced."""
    return replace(POLICY, **parts)


def get(path: str = "/public/x", host: str = HOST) -> WebTarget:
    return WebTarget(host, path, "GET")


def post(path: str = "/public/x", host: str = HOST) -> WebTarget:
    return WebTarget(host, path, "POST")


def context(at: datetime = NOW, address: str | None = "10.1.2.3") -> Context:
    return Context(at, None if address is None else ip_address(address))


def exactly(message: str) -> str:
    """The pattern that matches this message alone."""
    return rf"\A{re.escape(message)}\Z"
