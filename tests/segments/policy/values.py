"""Small policies for tests: one segment, one host, one role, unless said otherwise."""

from datetime import UTC, datetime, time
from ipaddress import ip_network
from typing import Any
from zoneinfo import ZoneInfo

from segments.policy.conditions import IPNetwork
from segments.policy.model import Grant, Hours, Policy, Resource, Segment, ViewResource, WebResource
from segments.policy.people import Assignment, Holder

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)  # a Tuesday
BOTH = frozenset({"read", "write"})
LEDGER = WebResource("ledger", "finance", "ledger.example.test")
OFFICE_HOURS = Hours(frozenset(range(5)), time(7), time(19), ZoneInfo("Europe/Berlin"))


def networks(*texts: str) -> tuple[IPNetwork, ...]:
    return tuple(map(ip_network, texts))


def grant(role: str = "accountant", *, to: str | None = None, segment: str = "finance", **fields: Any) -> Grant:
    """A grant to a role, or `to` a subject; its id says whom it is for."""
    holder: dict[str, Any] = {"subject": to} if to else {"role": role}
    return Grant(id=fields.pop("id", f"{to or role}→{segment}"), segment=segment, **holder, **fields)


def policy(*grants: Grant, resources: tuple[Resource, ...] = (LEDGER,), **segment: Any) -> Policy:
    """The segment `finance` with its requirements, and `people` beside it."""
    handbook = ViewResource("people:*", "people", "people:*")
    segments = (Segment("finance", **segment), Segment("people"))
    return Policy(version=1, segments=segments, resources=(*resources, handbook), grants=grants)


def person(name: str, *roles: str | Assignment, **fields: Any) -> Holder:
    assignments = tuple(role if isinstance(role, Assignment) else Assignment(role) for role in roles)
    return Holder(f"user:{name}", name.title(), assignments=assignments, **fields)
