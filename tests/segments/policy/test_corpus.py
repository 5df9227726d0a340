"""Attacks that worked on systems like this one: every attack is refused, every control is allowed.

The fixture: `/finance` lies in finance, which bob may enter; `/public` lies in public, which alice may enter.
"""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from segments.policy.engine import decide
from segments.policy.model import Decision, Policy, Reason, Segment, Subject, WebResource, WebTarget
from tests.segments.policy.cast import (
    ACCOUNTANTS,
    ALICE,
    BOB,
    CLERKS,
    FINANCE,
    FINANCE_SITE,
    HOST,
    POLICY,
    PUBLIC,
    PUBLIC_SITE,
    changed,
    context,
    get,
)

Case = dict[str, Any]

PRINCIPALS: dict[str, Subject | None] = {"alice": ALICE, "bob": BOB, "anonymous": None}
REFUSED = ("deny", "normalised-deny", "reject-400")
# Refused as what they read as, rather than as malformed: names with a `#` in them have to keep working.
READABLE = {"PATH-084", "PATH-110"}


def expanded(value: Any) -> Any:
    """Write out `{{repeat:X:n}}`, which stands for X repeated n times."""
    if isinstance(value, str):
        return re.sub(r"\{\{repeat:(.):(\d+)\}\}", lambda found: found[1] * int(found[2]), value)
    if isinstance(value, dict):
        return {key: expanded(inner) for key, inner in value.items()}
    return value


CASES = [expanded(json.loads(line)) for line in (Path(__file__).parent / "corpus.jsonl").read_text().splitlines()]
REQUESTS = [case for case in CASES if "raw_target" in case["input"]]
RULES = [case for case in CASES if "raw_target" not in case["input"]]


def name(case: Case) -> str:
    return str(case["id"])


def decisions(request: Case) -> list[Decision]:
    """Decide on the method of a request and on any other it claims in a header: a back end may take either."""
    claimed = [value for header, value in request.get("client_headers", ()) if "Method" in header]
    policy = policy_of(request)
    target = WebTarget(request["host"], request["raw_target"], request["method"])
    subject = PRINCIPALS[request["principal"]]
    targets = [target, *(WebTarget(target.host, target.path, method) for method in claimed)]
    return [decide(policy, subject, target, context()) for target in targets]


def policy_of(request: Case) -> Policy:
    methods = frozenset({"GET"}) if request.get("rule", "").startswith("public: GET only") else None
    public = WebResource("public-site", "public", HOST, "/public", methods)
    others = [WebResource(f"r{n}", "public", f"h{n}.test") for n in range(request.get("extra_registered_hosts", 0))]
    return changed(resources=(public, FINANCE_SITE, *others))


def test_every_case_is_run() -> None:
    assert (len(REQUESTS), len(RULES)) == (119, 17)
    assert {case["expect"] for case in REQUESTS} == {*REFUSED, "allow", "normalised-allow"}


@pytest.mark.parametrize("case", [case for case in REQUESTS if case["expect"] in REFUSED], ids=name)
def test_attack_is_refused(case: Case) -> None:
    assert not all(decision.allowed for decision in decisions(case["input"])), case["why"]


@pytest.mark.parametrize("case", [case for case in REQUESTS if case["expect"] == "reject-400"], ids=name)
def test_what_nobody_should_send_is_malformed(case: Case) -> None:
    [decision] = decisions(case["input"])
    assert (decision.reason is Reason.MALFORMED_TARGET) is (case["id"] not in READABLE), case["why"]


@pytest.mark.parametrize("case", [case for case in REQUESTS if case["expect"] == "allow"], ids=name)
def test_control_is_allowed(case: Case) -> None:
    [decision] = decisions(case["input"])
    assert (decision.allowed, decision.reason, decision.segment) == (True, Reason.GRANTED, "public"), case["why"]


@pytest.mark.parametrize("case", [case for case in REQUESTS if case["expect"] == "normalised-allow"], ids=name)
def test_a_climb_that_stays_inside_is_allowed(case: Case) -> None:
    [decision] = decisions(case["input"])
    assert decision.allowed, case["why"]


@pytest.mark.parametrize("case", [case for case in RULES if case["expect"] == "rule-rejected"], ids=name)
def test_rule_is_rejected(case: Case) -> None:
    rule = case["input"]
    with pytest.raises(ValueError, match=r"^(path|host) `"):
        WebResource("r", "public", rule.get("host", HOST), rule.get("pattern", "/"))


@pytest.mark.parametrize("host", ["a.example.test", "b.example.test"])
def test_a_wildcard_covers_exactly_one_label(host: str) -> None:
    """RULE-022."""
    policy = changed(resources=(WebResource("r", "public", "*.example.test"),))
    assert decide(policy, ALICE, get(host=host), context()).allowed
    for other in (f"x.{host}", "example.test", f"{host}.evil.test", "aexample.test"):
        assert decide(policy, ALICE, get(host=other), context()).reason is Reason.UNKNOWN_RESOURCE


def test_the_narrower_prefix_closes_whatever_the_order() -> None:
    """RULE-026, RULE-027: there are no rules that forbid; what lies deeper belongs to its own segment alone."""
    wide, deep = WebResource("wide", "public", HOST, "/x"), WebResource("deep", "finance", HOST, "/x/secret")
    for resources in ((wide, deep), (deep, wide)):
        policy = changed(resources=resources)
        assert decide(policy, ALICE, get("/x/secret/1"), context()).reason is Reason.NOT_GRANTED
        assert decide(policy, ALICE, get("/x/other/1"), context()).reason is Reason.GRANTED


def test_no_rules_mean_no_access() -> None:
    """RULE-028."""
    assert decide(Policy(1), ALICE, get("/public/x"), context()) == Decision(
        allowed=False, reason=Reason.UNKNOWN_RESOURCE, readings=("/public/x",)
    )
    without = Policy(1, (PUBLIC, FINANCE), (PUBLIC_SITE, FINANCE_SITE))
    assert decide(without, ALICE, get("/public/x"), context()).reason is Reason.NOT_GRANTED
    assert decide(POLICY, ALICE, get("/public/x"), context()).reason is Reason.GRANTED


@pytest.mark.parametrize("hosts", [1, 101, 1000])
def test_hosts_compare_alike_however_many_there_are(hosts: int) -> None:
    others = tuple(WebResource(f"r{n}", "other", f"h{n}.test") for n in range(hosts - 1))
    segments = (PUBLIC, FINANCE, Segment("other"))
    policy = Policy(1, segments, (PUBLIC_SITE, FINANCE_SITE, *others), (CLERKS, ACCOUNTANTS))
    for host in (HOST, HOST.upper(), "App.Example.Test", f"{HOST}.", f"{HOST}:443"):
        assert decide(policy, ALICE, get("/public/x", host), context()).reason is Reason.GRANTED
        assert decide(policy, ALICE, get("/finance/x", host), context()).reason is Reason.NOT_GRANTED
