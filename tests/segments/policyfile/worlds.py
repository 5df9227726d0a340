"""Random policy files for property tests: every one of them loads into an empty database."""

import operator
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from hypothesis import strategies as st

from segments.notation import duration_text, moment_text

Values = dict[str, Any]
ROLES = ("accountant", "auditor", "engineer")
PEOPLE = ("alice", "bob", "carol")
SYSTEMS = ("batch",)
SLUGS = ("finance", "people", "web")
NETWORKS = ("10.0.0.0/8", "10.1.0.0/16", "192.0.2.7/32", "2001:db8::/32")
PORTS = ("tcp/5432", "udp/4000-4010", "tcp/443")
WORDS = (
    "",
    "one",
    "yes",
    "12",
    "2026-12-24",
    "null",
    "a: b",
    "Ærø 😀",
    "- x",
    "#",
    "two\nlines",
    "'\"",
    "~",
    "0x1f",
    "1e3",
)
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)

words = st.sampled_from(WORDS)
moments = st.integers(min_value=0, max_value=1000).map(lambda days: moment_text(BEGIN + timedelta(days=days)))
durations = st.integers(min_value=1, max_value=10**7).map(lambda seconds: duration_text(timedelta(seconds=seconds)))
networks = st.lists(st.sampled_from(NETWORKS), unique=True, max_size=3)
hours = st.fixed_dictionaries(
    {
        "days": st.lists(st.sampled_from(("mon", "tue", "sun")), unique=True, min_size=1),
        "from": st.sampled_from(("00:00", "07:00")),
        "to": st.sampled_from(("19:00", "24:00")),
        "tz": st.sampled_from(("UTC", "Europe/Berlin")),
    }
)


@st.composite
def windows(draw: st.DrawFn) -> Values:
    """Neither, one or both ends, the second one later."""
    first, second = sorted(draw(st.lists(moments, unique=True, min_size=2, max_size=2)))
    ends = draw(st.sampled_from(((), ("not_before",), ("expires_at",), ("not_before", "expires_at"))))
    return {"not_before": first, "expires_at": second} if len(ends) == 2 else dict.fromkeys(ends, first)


def some(names: Sequence[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(names), unique=True, max_size=len(names))


@st.composite
def assignments(draw: st.DrawFn) -> list[Any]:
    return [
        draw(st.one_of(st.just(role), windows().map(partial(operator.or_, {"role": role, "reason": "r"}))))
        for role in draw(some(ROLES))
    ]


@st.composite
def grants(draw: st.DrawFn) -> Values:
    kind, name = draw(
        st.sampled_from([("role", role) for role in ROLES] + [("user", "bob"), ("service_account", "batch")])
    )
    optional: dict[str, st.SearchStrategy[Any]] = {
        "actions": st.lists(st.sampled_from(("read", "write", "approve")), unique=True, min_size=1),
        "networks": networks,
        "hours": hours,
        "reason": words,
    }
    return {kind: name} | draw(st.fixed_dictionaries({}, optional=optional)) | draw(windows())


@st.composite
def resources(draw: st.DrawFn, slug: str) -> list[Values]:
    """Names, hosts and views that no other segment has."""
    web: dict[str, st.SearchStrategy[Any]] = {
        "path": st.sampled_from(("/", "/books", "/books/2026")),
        "methods": st.lists(st.sampled_from(("GET", "POST", "PROPFIND")), unique=True, min_size=1),
        "upstream": st.sampled_from(("", "http://127.0.0.1:9001")),
        "case_insensitive": st.booleans(),
        "anonymous": st.booleans(),
    }
    workload: dict[str, st.SearchStrategy[Any]] = {"namespace": st.just("ns"), "labels": st.just({"b": "2", "a": "1"})}
    found = [{"name": f"{slug}-web-{n}", "host": f"{n}.{slug}.test"} for n in range(draw(st.integers(0, 2)))]
    made = [one | draw(st.fixed_dictionaries({}, optional=web)) for one in found]
    if draw(st.booleans()):
        made.append({"view": f"{slug}:*", "anonymous": draw(st.booleans())})
    if draw(st.booleans()):
        selector = {"cidrs": ["10.30.1.0/24"]} | draw(st.fixed_dictionaries({}, optional=workload))
        made.append({"name": f"{slug}-machines", "workload": selector})
    return made


@st.composite
def segments(draw: st.DrawFn, slug: str) -> Values:
    optional: dict[str, st.SearchStrategy[Any]] = {
        "name": st.sampled_from(("Money", "yes", "12")),
        "description": words,
        "sensitivity": st.sampled_from(("low", "moderate", "high")),
        "owners": some(PEOPLE),
        "state": st.sampled_from(("enforced", "quarantined")),
        "assurance": st.sampled_from(("mfa", "phishing_resistant")),
        "reauth_after": durations,
        "allow_service_accounts": st.booleans(),
        "networks": networks,
        "hours": hours,
    }
    held = {"resources": draw(resources(slug)), "grants": draw(st.lists(grants(), max_size=4))}
    return {"slug": slug} | draw(st.fixed_dictionaries({}, optional=optional)) | held


@st.composite
def documents(draw: st.DrawFn) -> Values:
    """A whole policy. Its guardrails say what is always so."""
    pairs = [(one, other) for one in SLUGS for other in SLUGS]
    people = st.fixed_dictionaries(
        {}, optional={"email": st.just("a@example.test"), "name": words, "staff": st.booleans()}
    )
    return {
        "version": 1,
        "roles": [{"slug": slug, "description": draw(words)} for slug in ROLES],
        "users": [{"username": name, "roles": draw(assignments())} | draw(people) for name in PEOPLE],
        "service_accounts": [
            {"name": name, "networks": draw(networks), "roles": draw(assignments())} for name in SYSTEMS
        ],
        "segments": [draw(segments(slug)) for slug in SLUGS],
        "flows": [
            {"from": one, "to": other, "ports": draw(st.lists(st.sampled_from(PORTS), unique=True, min_size=1))}
            for one, other in draw(st.lists(st.sampled_from(pairs), unique=True, max_size=3))
        ],
        "guardrails": [
            {"name": draw(st.sampled_from(("g", "yes", "1"))), "expect": "deny", "any_user": True, "view": "no:view"}
            | draw(
                st.fixed_dictionaries({}, optional={"factor_age": durations, "at": moments, "method": st.just("PUT")})
            )
        ],
    }
