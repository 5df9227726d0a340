"""Guardrails: who they are about, what they leave open, and the counterexample when one breaks."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from ipaddress import ip_address
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segments.policy.guardrails import Break, Expectation, Guardrail, breaks
from segments.policy.model import (
    Assurance,
    Context,
    Decision,
    Factor,
    Grant,
    Hours,
    Policy,
    Reason,
    SubjectKind,
    ViewResource,
    WebResource,
    WebTarget,
    WorkloadResource,
)
from segments.policy.people import Assignment, Holder
from tests.segments.policy.values import BOTH, LEDGER, NOW, OFFICE_HOURS, grant, networks, person, policy

URL = "https://ledger.example.test/books"


def guardrail(expect: str = "deny", **asked: Any) -> Guardrail:
    who: dict[str, Any] = {} if asked.keys() & {"role", "user", "any_user"} else {"role": "contractor"}
    what: dict[str, Any] = {} if asked.keys() & {"segment", "url", "view"} else {"segment": "finance"}
    return Guardrail("g", Expectation(expect), **who, **what, **asked)


def holds(guarded: Policy, kept: Guardrail, *people: Holder) -> bool:
    return breaks(guarded, [kept], people, NOW) == ()


# ---------------------------------------------------------------- whom it is about
ROLE_TABLE: list[tuple[str, tuple[Grant, ...], tuple[Holder, ...], bool]] = [
    ("no grant", (), (), True),
    ("a grant to another role", (grant("accountant"),), (), True),
    ("a grant to the role", (grant("contractor"),), (), False),
    ("a grant to everybody", (grant("everybody"),), (), False),
    (
        "a holder with another role that opens",
        (grant("accountant"),),
        (person("bob", "contractor", "accountant"),),
        False,
    ),
    ("somebody else with that role", (grant("accountant"),), (person("bob", "accountant"),), True),
    ("a grant to a holder", (grant(to="user:bob"),), (person("bob", "contractor"),), False),
    ("a grant to somebody else", (grant(to="user:bob"),), (person("bob"), person("zoe", "contractor")), True),
    (
        "roles that are never held together",
        (grant("accountant"),),
        (
            person(
                "bob",
                Assignment("contractor", expires_at=NOW + timedelta(1)),
                Assignment("accountant", NOW + timedelta(1)),
            ),
        ),
        True,
    ),
    (
        "roles that are held together later",
        (grant("accountant"),),
        (person("bob", "contractor", Assignment("accountant", not_before=NOW + timedelta(365))),),
        False,
    ),
    (
        "a holder who is disabled",
        (grant("accountant"),),
        (person("bob", "contractor", "accountant", active=False),),
        False,
    ),
]


@pytest.mark.parametrize(
    ("grants", "people", "kept"), [row[1:] for row in ROLE_TABLE], ids=[row[0] for row in ROLE_TABLE]
)
def test_a_denied_role_is_everybody_who_holds_it(
    grants: tuple[Grant, ...], people: tuple[Holder, ...], kept: bool
) -> None:
    assert holds(policy(*grants), guardrail(role="contractor"), *people) is kept


def test_an_allowed_role_is_one_that_opens_by_itself() -> None:
    guarded = guardrail("allow", role="contractor")
    assert holds(policy(grant("contractor")), guarded)
    assert not holds(policy(grant("accountant")), guarded, person("bob", "contractor", "accountant"))


def test_a_system_with_the_role_counts() -> None:
    batch = Holder("service:batch", "batch", SubjectKind.SERVICE, (Assignment("contractor"), Assignment("machine")))
    opened = policy(grant("machine"), allow_service_accounts=True)
    assert not holds(opened, guardrail(role="contractor"), batch)
    assert holds(policy(grant("machine")), guardrail(role="contractor"), batch)


@pytest.mark.parametrize(
    ("grants", "kept"),
    [
        ((), True),
        ((grant("nobody-has-it"),), False),
        ((grant(to="user:bob"),), False),
        ((grant(to="service:batch"),), True),
        ((grant("accountant", segment="people"),), True),
    ],
)
def test_any_user_is_everybody_there_could_be(grants: tuple[Grant, ...], kept: bool) -> None:
    opened = policy(*grants, allow_service_accounts=True)
    assert holds(opened, guardrail(any_user=True)) is kept


def test_any_user_is_allowed_where_somebody_without_a_role_is() -> None:
    kept = guardrail("allow", any_user=True)
    assert holds(policy(grant("everybody")), kept)
    assert not holds(policy(grant("accountant")), kept, person("bob", "accountant"))


def test_a_user_is_that_person() -> None:
    opened = policy(grant("accountant"))
    people = (person("bob"), person("alice", "accountant"))
    assert holds(opened, guardrail(user="user:bob"), *people)
    assert not holds(opened, guardrail(user="user:alice"), *people)
    assert holds(opened, guardrail("allow", user="user:alice"), *people)
    assert not holds(opened, guardrail("allow", user="user:gone"), *people)


# ---------------------------------------------------------------- what it is about
def test_a_segment_is_every_resource_and_both_methods() -> None:
    resources = (LEDGER, ViewResource("payroll:*", "finance", "payroll:*"))
    assert not holds(policy(grant("contractor", actions=frozenset({"write"})), resources=resources), guardrail())
    assert holds(policy(grant("contractor", segment="people"), resources=resources), guardrail())


def test_a_method_narrows_what_it_is_about() -> None:
    reading = policy(grant("contractor"))
    assert holds(reading, guardrail(method="POST"))
    assert not holds(reading, guardrail(method="GET"))
    assert holds(reading, guardrail("allow"))
    assert not holds(reading, guardrail("allow", method="POST"))


def test_resources_without_the_method_are_left_out() -> None:
    resources = (LEDGER, WebResource("health", "finance", "health.test", methods=frozenset({"GET"})))
    writing = policy(grant("contractor", actions=BOTH), resources=resources)
    assert holds(writing, guardrail("allow", method="POST"))
    assert not holds(policy(grant("contractor"), resources=resources), guardrail("allow", method="POST"))


def test_an_anonymous_resource_breaks_only_what_is_about_any_user() -> None:
    resources = (WebResource("health", "finance", "health.test", anonymous=True),)
    opened = policy(resources=resources)
    assert holds(opened, guardrail(role="contractor"))
    assert holds(opened, guardrail(user="user:bob"), person("bob"))
    assert not holds(opened, guardrail(any_user=True))
    assert not holds(opened, guardrail(role="contractor", url="https://health.test/"))


def test_a_url_and_a_view_are_asked_for_as_they_are() -> None:
    opened = policy(grant("contractor"), resources=(LEDGER, ViewResource("payroll:*", "finance", "payroll:*")))
    assert not holds(opened, guardrail(url=URL))
    assert not holds(opened, guardrail(view="payroll:run"))
    assert holds(opened, guardrail(url="https://other.example.test/"))
    assert holds(opened, guardrail(view="other:run"))


def test_to_allow_something_it_has_to_be_there() -> None:
    assert not holds(policy(), guardrail("allow", segment="gone"))
    only_machines = policy(grant("contractor"), resources=(WorkloadResource("db", "finance", networks("10.0.0.0/8")),))
    assert breaks(only_machines, [guardrail("allow")], (), NOW) == (
        Break(guardrail("allow"), "whoever holds `contractor`"),
    )


# ---------------------------------------------------------------- what is left open
OPEN_TABLE: list[tuple[str, dict[str, Any], dict[str, Any], dict[str, Any], bool]] = [
    ("nothing", {}, {}, {}, False),
    ("a grant from one network", {"networks": networks("10.0.0.0/8")}, {}, {}, False),
    ("a segment of one network", {}, {"networks": networks("10.0.0.0/8")}, {}, False),
    ("networks that nest", {"networks": networks("10.1.0.0/16")}, {"networks": networks("10.0.0.0/8")}, {}, False),
    ("networks that are apart", {"networks": networks("10.0.0.0/8")}, {"networks": networks("192.0.2.0/24")}, {}, True),
    ("an address outside", {"networks": networks("10.0.0.0/8")}, {}, {"address": ip_address("192.0.2.1")}, True),
    ("an address inside", {"networks": networks("10.0.0.0/8")}, {}, {"address": ip_address("10.1.2.3")}, False),
    ("hours of another day", {"hours": OFFICE_HOURS}, {}, {}, False),
    ("hours that overlap", {"hours": OFFICE_HOURS}, {"hours": replace(OFFICE_HOURS, start=time(18))}, {}, False),
    ("hours that do not", {"hours": OFFICE_HOURS}, {"hours": replace(OFFICE_HOURS, days=frozenset({6}))}, {}, True),
    (
        "hours of two zones",
        {"hours": OFFICE_HOURS},
        {"hours": Hours(frozenset({4}), time(9), time(17), ZoneInfo("America/New_York"))},
        {},
        False,
    ),
    ("a time outside", {"hours": OFFICE_HOURS}, {}, {"at": NOW.replace(hour=3)}, True),
    ("a time inside", {"hours": OFFICE_HOURS}, {}, {"at": NOW}, False),
    ("a grant that begins later", {"not_before": NOW + timedelta(days=100)}, {}, {}, False),
    ("a grant that begins after the time", {"not_before": NOW + timedelta(days=100)}, {}, {"at": NOW}, True),
    ("a grant that is over", {"expires_at": NOW}, {}, {}, True),
    ("a grant that was not over then", {"expires_at": NOW}, {}, {"at": NOW - timedelta(1)}, False),
    (
        "a window between its hours",
        {
            "hours": OFFICE_HOURS,
            "not_before": datetime(2026, 11, 28, tzinfo=UTC),
            "expires_at": datetime(2026, 11, 29, tzinfo=UTC),
        },
        {},
        {},
        True,
    ),
    (
        "a window that touches its hours",
        {
            "hours": OFFICE_HOURS,
            "not_before": datetime(2026, 11, 28, tzinfo=UTC),
            "expires_at": datetime(2026, 11, 30, 7, tzinfo=UTC),
        },
        {},
        {},
        False,
    ),
    ("a passkey", {}, {"assurance": Assurance.PHISHING_RESISTANT}, {}, False),
    ("an authenticator app", {}, {"assurance": Assurance.PHISHING_RESISTANT}, {"factor": Factor.TOTP}, True),
    ("an old factor", {}, {"reauth_after": timedelta(minutes=15)}, {"factor_age": timedelta(minutes=15)}, True),
    ("a fresh factor", {}, {"reauth_after": timedelta(minutes=15)}, {"factor_age": timedelta(minutes=14)}, False),
    ("no factor", {}, {}, {"factor": None}, True),
]


@pytest.mark.parametrize(
    ("narrowing", "segment", "asked", "kept"), [row[1:] for row in OPEN_TABLE], ids=[row[0] for row in OPEN_TABLE]
)
def test_what_is_left_open_is_taken_at_its_most_favourable(
    narrowing: dict[str, Any], segment: dict[str, Any], asked: dict[str, Any], kept: bool
) -> None:
    opened = policy(grant("contractor", actions=BOTH, **narrowing), **segment)
    assert holds(opened, guardrail(url=URL, **asked)) is kept
    assert holds(opened, guardrail("allow", url=URL, **asked)) is not kept


def test_a_quarantine_neither_keeps_nor_breaks_a_guardrail() -> None:
    opened = policy(grant("contractor"), quarantined=True)
    assert not holds(opened, guardrail())
    assert holds(opened, guardrail("allow"))


# ---------------------------------------------------------------- the counterexample
def test_a_break_says_who_what_and_through_which_grant() -> None:
    narrow = grant("contractor", actions=BOTH, networks=networks("10.0.0.0/8"))
    kept = guardrail(url=URL, method="POST")
    assert breaks(policy(narrow, grant("accountant")), [kept], (), NOW) == (
        Break(
            guardrail=kept,
            who="whoever holds `contractor`",
            target=WebTarget("ledger.example.test", "/books", "POST"),
            context=Context(NOW, ip_address("10.0.0.0")),
            decision=Decision(
                True, Reason.GRANTED, "finance", "ledger", ("contractor→finance",), (), readings=("/books",)
            ),
            grants=(narrow,),
        ),
    )


def test_every_broken_guardrail_is_told() -> None:
    first, second, third = guardrail(), guardrail(role="accountant"), guardrail("allow", role="auditor")
    found = breaks(policy(grant("contractor")), [first, second, third], (), NOW)
    assert [broken.guardrail for broken in found] == [first, third]


@pytest.mark.parametrize(
    "asked",
    [
        {"role": "a", "user": "user:b", "segment": "c"},
        {"segment": "c"},
        {"role": "a"},
        {"role": "a", "segment": "b", "view": "c"},
        {"role": "a", "url": "ledger"},
        {"role": "a", "view": "b", "method": "TRACE"},
    ],
)
def test_a_guardrail_that_asks_nothing_clear_cannot_be_built(asked: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"needs exactly one|is not a URL|is refused"):
        Guardrail("g", Expectation.DENY, **asked)
