"""A file as values: strict keys and types, every error with its line and key, and what leaving out means."""

# Files and messages stand here as people see them.
# ruff: noqa: E501

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from segments.policyfile import reading
from segments.policyfile.problems import PolicyFileError
from segments.policyfile.reading import Document


def document(text: str) -> Document:
    found = reading.read(text.encode(), "f.yaml")
    assert found.problems == ()
    return found


def problems(text: str) -> list[str]:
    found = reading.read(text.encode(), "f.yaml").problems
    return [problem.text("f.yaml") for problem in sorted(found, key=lambda problem: problem.place)]


def segment(text: str) -> str:
    """A document with one segment; the lines of `text` begin in line 4."""
    return "version: 1\nsegments:\n  - slug: finance\n" + "".join(f"    {line}\n" for line in text.splitlines())


def test_everything_of_a_segment_is_read() -> None:
    (found,) = document(
        segment(
            "name: Money\n"
            "description: |\n"
            "  The books.\n"
            "sensitivity: high\n"
            "owners: [dora, carol]\n"
            "state: quarantined\n"
            "assurance: phishing_resistant\n"
            "reauth_after: 15m\n"
            "allow_service_accounts: true\n"
            "networks: [10.0.0.0/8, 2001:db8::/32]\n"
            "hours: {days: [fri, mon], from: 07:00, to: 19:00, tz: Europe/Berlin}\n"
        )
    ).segments
    assert found.values == {
        "slug": "finance",
        "name": "Money",
        "description": "The books.\n",
        "sensitivity": "high",
        "owners": ["carol", "dora"],
        "state": "quarantined",
        "assurance": "phishing_resistant",
        "reauth_after": timedelta(minutes=15),
        "allow_service_accounts": True,
        "networks": ["10.0.0.0/8", "2001:db8::/32"],
        "hours": {"days": ["mon", "fri"], "from": "07:00", "to": "19:00", "tz": "Europe/Berlin"},
        "resources": [],
        "grants": [],
    }


def test_what_is_left_out_takes_its_default() -> None:
    (found,) = document("version: 1\nsegments: [{slug: site-office}]").segments
    assert found.values == {
        "slug": "site-office",
        "name": "Site office",
        "description": "",
        "sensitivity": "moderate",
        "owners": [],
        "state": None,
        "assurance": "mfa",
        "reauth_after": None,
        "allow_service_accounts": False,
        "networks": [],
        "hours": None,
        "resources": [],
        "grants": [],
    }


def test_the_three_kinds_of_resources_are_told_apart() -> None:
    (found,) = document(
        segment(
            "resources:\n"
            '  - {view: "payroll:*"}\n'
            "  - {name: ledger, host: Ledger.Example.test, methods: [POST, GET]}\n"
            "  - {name: db, workload: {labels: {app: db}}}\n"
        )
    ).segments
    assert [resource.values for resource in found["resources"]] == [
        {"name": "payroll:*", "view": "payroll:*", "anonymous": False},
        {
            "name": "ledger",
            "host": "ledger.example.test",
            "path": "/",
            "methods": ["GET", "POST"],
            "upstream": "",
            "case_insensitive": False,
            "anonymous": False,
        },
        {"name": "db", "workload": {"cidrs": [], "namespace": "", "labels": {"app": "db"}}},
    ]


def test_grants_have_one_holder_and_read_by_default() -> None:
    (found,) = document(
        segment(
            "grants:\n"
            "  - {role: accountant}\n"
            "  - {user: bob, actions: [write, read], not_before: 2026-12-01T00:00:00+01:00, expires_at: null, reason: INC-1}\n"
            "  - {service_account: batch, networks: [10.0.0.0/8]}\n"
        )
    ).segments
    nothing: dict[str, Any] = {"hours": None, "not_before": None, "expires_at": None, "reason": "", "networks": []}
    holders: dict[str, Any] = {"role": None, "user": None, "service_account": None}
    assert [grant.values for grant in found["grants"]] == [
        nothing | holders | {"role": "accountant", "actions": ["read"]},
        nothing
        | holders
        | {
            "user": "bob",
            "actions": ["read", "write"],
            "not_before": datetime(2026, 11, 30, 23, tzinfo=UTC),
            "reason": "INC-1",
        },
        nothing | holders | {"service_account": "batch", "actions": ["read"], "networks": ["10.0.0.0/8"]},
    ]


def test_a_role_of_a_person_is_a_slug_or_has_a_window() -> None:
    (alice,) = document(
        "version: 1\nusers:\n  - username: alice\n    roles:\n      - a\n      - {role: b, expires_at: 2027-01-31T00:00:00Z}\n"
    ).users
    nothing = {"not_before": None, "expires_at": None, "reason": None}
    assert [one.values for one in alice["roles"]] == [
        nothing | {"role": "a"},
        nothing | {"role": "b", "expires_at": datetime(2027, 1, 31, tzinfo=UTC)},
    ]
    assert {key: alice[key] for key in ("email", "name", "staff")} == {"email": None, "name": None, "staff": None}


def test_a_question_of_a_guardrail_is_kept_in_one_spelling() -> None:
    (found,) = document(
        "version: 1\nguardrails:\n"
        "  - {name: n, expect: deny, any_user: true, url: 'https://h.test/%2e', factor_age: 90m, ip: 2001:DB8::1,\n"
        "     at: 2026-11-23T10:00:00+01:00}\n"
    ).guardrails
    assert {key: value for key, value in found.values.items() if value is not None} == {
        "name": "n",
        "expect": "deny",
        "any_user": True,
        "url": "https://h.test/%2e",
        "factor_age": "1h30m",
        "ip": "2001:db8::1",
        "at": "2026-11-23T09:00:00Z",
    }


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("roles: []", "f.yaml:1: `version` is missing"),
        ("version: 2", "f.yaml:1: version: expected version 1, found the number `2`"),
        ("version: '1'", "f.yaml:1: version: expected version 1, found the text `1`"),
        ("version: 1\nrols: []", "f.yaml:2: rols: unknown key `rols`: did you mean `roles`?"),
        (
            "version: 1\nzzz: 1",
            "f.yaml:2: zzz: unknown key `zzz`: expected one of version, roles, users, service_accounts, segments, flows, guardrails",
        ),
        ("version: 1\nroles: {}", "f.yaml:2: roles: expected a list, found keys and values"),
        ("version: 1\nroles:", "f.yaml:2: roles: expected a list, found nothing"),
        ("version: 1\nroles: [dba]", "f.yaml:2: roles[0]: expected keys and values, found the text `dba`"),
        ("version: 1\nroles:\n  - name: x", "f.yaml:3: roles[0]: `slug` is missing"),
        (
            "version: 1\nroles: [{slug: no}]",
            "f.yaml:2: roles[0].slug: expected text, found the truth value `no`: write it in quotes",
        ),
        (
            "version: 1\nroles: [{slug: 10}]",
            "f.yaml:2: roles[0].slug: expected text, found the number `10`: write it in quotes",
        ),
        ("version: 1\nroles: [{slug: a, name: }]", None),
        (
            "version: 1\nroles: [{slug: a, description: null}]",
            "f.yaml:2: roles[0].description: expected text, found nothing",
        ),
        (
            "version: 1\nusers: [{username: Alice}]",
            "f.yaml:2: users[0].username: username `Alice` is kept as `alice`: write it that way",
        ),
        (
            "version: 1\nusers: [{username: a, staff: maybe}]",
            "f.yaml:2: users[0].staff: expected true or false, found the text `maybe`",
        ),
        (
            "version: 1\nusers: [{username: a, roles: [{role: b, until: x}]}]",
            "f.yaml:2: users[0].roles[0].until: unknown key `until`: expected one of role, not_before, expires_at, reason",
        ),
        (
            "version: 1\nflows: [{from: a, to: b, ports: [tcp/0]}]",
            "f.yaml:2: flows[0].ports[0]: “tcp/0” is not a port: write it as tcp/5432 or udp/4000-4010.",
        ),
        (
            "version: 1\nflows: [{from: a, to: b, ports: []}]",
            "f.yaml:2: flows[0].ports: name at least one, and each once",
        ),
    ],
)
def test_an_error_names_line_and_key(text: str, expected: str | None) -> None:
    assert problems(text) == ([expected] if expected else [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("networks: 10.0.0.0/8", "segments[0].networks: expected a list, found the text `10.0.0.0/8`"),
        (
            "networks: [10.0.0.5/8]",
            "segments[0].networks[0]: “10.0.0.5/8” has host bits set: write 10.0.0.0/8.",
        ),
        ("networks: [10]", "segments[0].networks[0]: expected text, found the number `10`: write it in quotes"),
        (
            "sensitivity: secret",
            "segments[0].sensitivity: expected low or moderate or high, found the text `secret`",
        ),
        (
            "reauth_after: 15",
            "segments[0].reauth_after: `15` is not a duration: write it as 15m, 1h30m, 45s or 2d",
        ),
        (
            "reauth_after: 0m",
            "segments[0].reauth_after: `0m` is no time at all: give a longer one, or leave it out",
        ),
        ("hours: {days: [mon], from: '07:00', to: '19:00'}", "segments[0].hours: `tz` is missing"),
        (
            "hours: {days: [monday], from: '07:00', to: '19:00', tz: UTC}",
            "segments[0].hours.days[0]: expected mon or tue or wed or thu or fri or sat or sun, found the text `monday`",
        ),
        (
            "hours: {days: [mon], from: '19:00', to: '07:00', tz: UTC}",
            "segments[0].hours: The hours end (07:00) before they start (19:00): for a night, use two grants.",
        ),
        (
            "hours: {days: [mon], from: '07:00', to: '19:00', tz: Mars/Base}",
            "segments[0].hours: “Mars/Base” is not a time zone: use an IANA name such as Europe/Berlin.",
        ),
        (
            "resources: [{name: x}]",
            "segments[0].resources[0]: expected exactly one of view, host, workload, found none",
        ),
        (
            "resources: [{name: x, view: a, host: b}]",
            "segments[0].resources[0]: expected exactly one of view, host, workload, found `view` and `host`",
        ),
        ("resources: [{host: a.test}]", "segments[0].resources[0]: `name` is missing"),
        (
            "resources: [{view: 'a:b', path: /}]",
            "segments[0].resources[0].path: unknown key `path`: expected one of name, view, anonymous",
        ),
        (
            "resources: [{name: a, host: a.test, methods: [get]}]",
            "segments[0].resources[0].methods[0]: “get” is not a method that can be allowed: write it as GET.",
        ),
        (
            "resources: [{name: a, host: localhost}]",  # of ZT_PORTAL_URL where nothing is set
            "segments[0].resources[0].host: “localhost” is the portal's own host (ZT_PORTAL_URL): browsers would send an application there the portal's cookie, whatever the port. Give the application a host of its own.",
        ),
        (
            "grants: [{actions: [read]}]",
            "segments[0].grants[0]: expected exactly one of role, user, service_account, found none",
        ),
        (
            "grants: [{role: a, user: b}]",
            "segments[0].grants[0]: expected exactly one of role, user, service_account, found `role` and `user`",
        ),
        ("grants: [{role: a, actions: []}]", "segments[0].grants[0].actions: name at least one, and each once"),
        (
            "grants: [{role: a, expires_at: 2026-12-24}]",
            "segments[0].grants[0].expires_at: `2026-12-24` has no time zone: add Z or an offset, as in 2026-12-24T00:00:00Z",
        ),
        (
            "grants: [{role: a, not_before: 2027-01-01T00:00:00Z, expires_at: 2027-01-01T00:00:00Z}]",
            "segments[0].grants[0].expires_at: `expires_at` must be later than `not_before` (2027-01-01T00:00:00+00:00)",
        ),
    ],
)
def test_an_error_in_a_segment_names_line_and_key(text: str, expected: str) -> None:
    assert problems(segment(text)) == [f"f.yaml:4: {expected}"]


@pytest.mark.parametrize(
    "key", ["password", "Password", "totp", "totp-key", "token", "api_key", "recovery_codes", "secret"]
)
def test_secrets_are_refused_by_name(key: str) -> None:
    (found,) = problems(f"version: 1\nusers: [{{username: a, {key}: x}}]")
    assert "secrets are never in a policy file" in found
    assert problems("version: 1\nusers: [{username: a, name: x}]") == []


@pytest.mark.parametrize(
    ("guardrail", "expected"),
    [
        (
            "{name: n, expect: deny, segment: a}",
            "guardrails[0]: expected exactly one of role, user, any_user, found none",
        ),
        (
            "{name: n, expect: deny, role: a, user: b, segment: a}",
            "guardrails[0]: expected exactly one of role, user, any_user, found `role` and `user`",
        ),
        ("{name: n, expect: deny, role: a}", "guardrails[0]: expected exactly one of segment, url, view, found none"),
        (
            "{name: n, expect: refuse, role: a, view: b}",
            "guardrails[0].expect: expected allow or deny, found the text `refuse`",
        ),
        (
            "{name: n, expect: deny, role: a, url: ledger}",
            "guardrails[0].url: `ledger` is not a URL: write https://host/path",
        ),
        (
            "{name: n, expect: deny, any_user: false, view: b}",
            "guardrails[0].any_user: expected true, found the truth value `false`: write true, or leave the key out",
        ),
        (
            "{name: n, expect: deny, role: a, view: b, ip: 10.0.0.300}",
            "guardrails[0].ip: `10.0.0.300` is not an IP address: write it as 10.1.2.3 or 2001:db8::1",
        ),
        (
            "{name: n, expect: deny, role: a, view: b, method: TRACE}",
            "guardrails[0].method: “TRACE” is not a method that can be allowed: write it as GET.",
        ),
    ],
)
def test_an_error_in_a_guardrail_names_line_and_key(guardrail: str, expected: str) -> None:
    assert problems(f"version: 1\nguardrails:\n  - {guardrail}") == [f"f.yaml:3: {expected}"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("roles: [{slug: a},\n {slug: a}]", "roles[1]: role `a` is there twice: the first is in line 2"),
        ("users: [{username: a},\n {username: a}]", "users[1]: user `a` is there twice: the first is in line 2"),
        (
            "users: [{username: a, roles: [b,\n b]}]",
            "users[0].roles[1]: role `b` is there twice: the first is in line 2",
        ),
        (
            "segments: [{slug: a, resources: [{view: x}]},\n {slug: b, resources: [{view: x}]}]",
            "segments[1].resources[0]: view `x` is there twice: the first is in line 2",
        ),
        (
            "flows: [{from: a, to: b, ports: [tcp/1]},\n {from: a, to: b, ports: [tcp/2]}]",
            "flows[1]: flow `a → b` is there twice: the first is in line 2",
        ),
    ],
)
def test_what_is_declared_twice_is_an_error_at_the_second(text: str, expected: str) -> None:
    assert problems(f"version: 1\n{text}") == [f"f.yaml:3: {expected}"]


def test_every_error_of_a_file_is_told() -> None:
    text = "version: 1\nroles:\n  - {slug: 1}\n  - {sluk: a}\nsegments:\n  - {slug: a, networks: [x, 10.0.0.1/8]}\n"
    assert [found.split(":")[1] for found in problems(text)] == ["3", "4", "4", "6", "6"]


def test_a_stored_question_is_read_as_the_file_would_be() -> None:
    assert reading.question("n", "deny", {"role": "a", "segment": "b", "factor_age": "90m"})["factor_age"] == "1h30m"
    with pytest.raises(PolicyFileError, match="unknown key `sgement`: did you mean `segment`"):
        reading.question("n", "deny", {"role": "a", "sgement": "b"})
