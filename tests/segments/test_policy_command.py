"""`manage.py policy` as people and machines use it: what is on stdout, what on stderr, and the exit code."""

# Files and messages stand here as people see them.
# ruff: noqa: E501

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from accounts.models import User
from audit.models import Entry
from segments import administrator, policyfile, snapshot
from segments.models import Grant, Segment
from segments.policy.model import Context, Factor, Verification, WebTarget
from tests import factories

pytestmark = pytest.mark.django_db

SAMPLE = """\
version: 1
roles: [{slug: accountant}, {slug: auditor}, {slug: contractor}, {slug: treasurer}]
users:
  - {username: alice, name: Alice Adams, roles: [accountant]}
  - {username: ben, name: Ben Brook}
service_accounts: [{name: batch, roles: [accountant]}]
segments:
  - slug: finance
    reauth_after: 15m
    resources:
      - {name: ledger, host: ledger.example.test}
      - {name: health, host: ledger.example.test, path: /healthz, methods: [GET], anonymous: true}
    grants:
      - {role: accountant, actions: [read, write]}
      - {role: auditor}
  - slug: treasury
    assurance: phishing_resistant
    resources: [{name: payments, host: "*.pay.test"}]
    grants: [{role: accountant}]
guardrails:
  - {name: no contractor in finance, expect: deny, role: contractor, segment: finance}
"""


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


def policy(*arguments: str) -> Run:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("policy", *arguments, stdout=out, stderr=err, no_color=True)
    except SystemExit as stop:
        code = int(stop.code or 0)
    return Run(code, out.getvalue(), err.getvalue())


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a file where the command is run, and gives its name."""
    monkeypatch.chdir(tmp_path)

    def written(text: str, name: str = "policy.yaml") -> str:
        Path(name).write_text(text, encoding="utf-8")
        return name

    return written


@pytest.fixture
def sample() -> None:
    policyfile.load(policyfile.read(SAMPLE.encode()), now=timezone.now())


# ---------------------------------------------------------------- load
def test_load_shows_what_changes_and_who_gains_what(write: Callable[[str], str]) -> None:
    run = policy("load", write(SAMPLE))
    assert run.lines == [
        "+ role accountant",
        "+ role auditor",
        "+ role contractor",
        "+ role treasurer",
        "+ user alice",
        "+ user ben",
        "+ service account batch",
        "+ segment finance",
        "+ segment treasury",
        "+ resource ledger",
        "+ resource health",
        "+ resource payments",
        "+ grant accountant → finance",
        "+ grant auditor → finance",
        "+ grant accountant → treasury",
        "+ guardrail no contractor in finance",
        "+ role assignment accountant → user:alice",
        "+ role assignment accountant → service:batch",
        "+ anybody: read health (finance)",
        "+ user:alice: read, write ledger (finance)",
        "+ user:alice: read, write segments:segment[finance] (finance)",
        "+ user:alice: read, write accounts:* (portal)",
        "+ user:alice: read, write segments:enter (portal)",
        "+ user:alice: read, write segments:portal (portal)",
        "+ user:alice: read, write segments:segment[portal] (portal)",
        "+ user:alice: read payments (treasury), with a passkey",
        "+ user:alice: read segments:segment[treasury] (treasury), with a passkey",
        "+ user:ben: read, write accounts:* (portal)",
        "+ user:ben: read, write segments:enter (portal)",
        "+ user:ben: read, write segments:portal (portal)",
        "+ user:ben: read, write segments:segment[portal] (portal)",
    ]
    assert (run.code, run.err) == (0, "Loaded: 18 created, 0 changed, 0 removed.\n")
    assert Segment.objects.filter(slug="finance").exists()


def test_load_again_says_that_there_is_nothing_to_change(write: Callable[[str], str], sample: None) -> None:
    assert policy("load", write(SAMPLE)) == Run(0, "", "Nothing to change.\n")


def test_a_dry_run_changes_nothing(write: Callable[[str], str]) -> None:
    run = policy("load", "--dry-run", write(SAMPLE))
    assert (run.code, len(run.lines), run.err) == (0, 31, "Not loaded: 18 created, 0 changed, 0 removed.\n")
    assert not Segment.objects.filter(slug="finance").exists()


def test_a_change_says_before_and_after(write: Callable[[str], str], sample: None) -> None:
    text = (
        "version: 1\nsegments: [{slug: finance, networks: [10.0.0.0/8], grants: [{role: accountant, actions: [read]}]}]"
    )
    assert policy("load", write(text)).lines == [
        "~ segment finance: reauth_after: 15m → nothing; networks: nothing → 10.0.0.0/8",
        "~ grant accountant → finance: actions: read, write → read",
        "- user:alice: write ledger (finance)",
        "- user:alice: write segments:segment[finance] (finance)",
    ]


def test_prune_says_what_it_takes_away(write: Callable[[str], str], sample: None) -> None:
    run = policy("load", "--prune", write(SAMPLE.replace("      - {role: auditor}\n", "")))
    assert (run.code, run.lines) == (0, ["- grant auditor → finance"])
    assert not Grant.objects.filter(role__slug="auditor").exists()


def test_load_as_json(write: Callable[[str], str], sample: None) -> None:
    run = policy(
        "load", "--json", write("version: 1\nroles: [{slug: dba}]\nusers: [{username: ben, roles: [accountant]}]")
    )
    assert run.json["committed"] is True
    assert run.json["changes"] == [
        {"kind": "role", "name": "dba", "before": None, "after": {"slug": "dba", "name": "Dba", "description": ""}},
        {
            "kind": "role_assignment",
            "name": "accountant → user:ben",
            "before": None,
            "after": {"holder": "user:ben", "role": "accountant", "not_before": None, "expires_at": None, "reason": ""},
        },
    ]
    assert run.json["impact"]["gained"][0] == {
        "subject": "user:ben", "segment": "finance", "resource": "ledger", "action": "read", "factors": ["totp", "webauthn"],
    }  # fmt: skip
    assert (run.json["impact"]["lost"], run.json["warnings"], run.json["guardrails"]) == ([], [], [])


BROKEN = "version: 1\nsegments:\n  - slug: finance\n    networks: [10.0.0.5/8]\n    grants:\n      - {role: dba}\n"


def test_a_broken_file_is_told_one_line_each(write: Callable[[str], str]) -> None:
    run = policy("load", write(BROKEN))
    assert run == Run(
        1,
        "",
        "policy.yaml:4: segments[0].networks[0]: “10.0.0.5/8” has host bits set: write 10.0.0.0/8.\n"
        "policy.yaml:6: segments[0].grants[0].role: unknown role `dba` in grants of segment `finance`\n",
    )


def test_a_broken_file_as_json(write: Callable[[str], str]) -> None:
    run = policy("load", "--json", write(BROKEN))
    assert (run.code, run.json["committed"]) == (1, False)
    assert run.json["errors"][1] == {
        "file": "policy.yaml",
        "line": 6,
        "path": "segments[0].grants[0].role",
        "message": "unknown role `dba` in grants of segment `finance`",
    }


def test_a_broken_guardrail_is_told_with_its_counterexample(write: Callable[[str], str], sample: None) -> None:
    run = policy(
        "load", write("version: 1\nsegments: [{slug: finance, grants: [{role: contractor, networks: [10.0.0.0/8]}]}]")
    )
    assert run.code == 4
    assert run.err.splitlines()[0] == "Not loaded: 1 created, 1 changed, 0 removed."
    assert run.err.splitlines()[1].startswith(
        "guardrail `no contractor in finance` is broken: whoever holds `contractor` is allowed to GET ledger.example.test/ "
        "from 10.0.0.0 ("
    )
    assert run.err.splitlines()[1].endswith("): contractor (read)")
    assert not Grant.objects.filter(role__slug="contractor").exists()


def test_a_file_that_is_not_there_is_not_found(write: Callable[[str], str]) -> None:
    assert policy("load", "gone.yaml") == Run(3, "", "gone.yaml: there is no such file\n")
    assert policy("load", "/") == Run(1, "", "/: cannot be read: Is a directory\n")


def test_usage_is_refused_and_says_what_is_accepted() -> None:
    with pytest.raises(CommandError, match=r"invalid choice: 'compile' \(choose from"):
        call_command("policy", "compile")


# ---------------------------------------------------------------- dump, impact, check
@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_dump_can_be_loaded(write: Callable[[str], str], sample: None, form: str) -> None:
    dumped = policy("dump", "--format", form)
    assert (dumped.code, dumped.err) == (0, "")
    assert policy("load", "--prune", write(dumped.out)) == Run(0, "", "Nothing to change.\n")


def test_impact_says_who_would_gain_and_lose(write: Callable[[str], str], sample: None) -> None:
    name = write(
        "version: 1\nusers: [{username: ben, roles: [auditor]}]\nsegments: [{slug: finance, grants: [{role: accountant}]}]"
    )
    assert policy("impact", name) == Run(
        0,
        "+ user:ben: read ledger (finance)\n"
        "+ user:ben: read segments:segment[finance] (finance)\n"
        "- user:alice: write ledger (finance)\n"
        "- user:alice: write segments:segment[finance] (finance)\n",
        "",
    )
    assert len(policy("impact", "--json", name).json["gained"]) == 2
    assert policy("impact", write(SAMPLE)) == Run(0, "", "Nobody gains or loses anything.\n")


def test_check_tells_what_is_worth_a_look(sample: None) -> None:
    run = policy("check")
    assert (run.code, run.err) == (0, "Guardrails: 1, broken: 0. Worth a look: 8.\n")
    assert run.lines == [
        "unused-grant: administrator → administration: nobody has the role",
        "unused-grant: auditor → finance: nobody has the role",
        "no-owner: finance: the segment has no owner, so nobody knows whom to ask",
        "no-owner: treasury: the segment has no owner, so nobody knows whom to ask",
        "idle-role: administrator: nobody has this role",
        "idle-role: auditor: nobody has this role",
        "idle-role: contractor: nobody has this role",
        "idle-role: treasurer: nobody has this role",
    ]


def test_check_tells_a_guardrail_that_is_broken(sample: None) -> None:
    Grant.objects.filter(role__slug="auditor").update(role=factories.role("contractor"))
    run = policy("check", "--json")
    assert (run.code, run.json["guardrails"], len(run.json["broken"])) == (4, 1, 1)
    assert run.json["broken"][0]["who"] == "whoever holds `contractor`"


# ---------------------------------------------------------------- explain
AT = ("--at", "2026-11-24T10:00:00Z", "--ip", "10.1.2.3")
LEDGER = ("--url", "https://ledger.example.test/books")


def test_explain_shows_every_criterion_of_an_allowed_request(sample: None) -> None:
    run = policy(
        "explain", "--user", "alice", *LEDGER, "--method", "POST", "--factor", "totp", "--factor-age", "5m", *AT
    )
    assert (run.code, run.err) == (0, "")
    assert run.lines == [
        "user:alice · POST ledger.example.test/books · from 10.1.2.3 · 2026-11-24T10:00:00Z · totp 5m ago",
        "Allowed: granted · ledger · finance",
        "",
        "✓ The target can be read",
        "✓ The target is ledger in finance",
        "✓ finance is not quarantined",
        "✓ Somebody is signed in (user:alice)",
        "✓ The account is active",
        "✓ The account is not cut off",
        "✓ The session is live",
        "✓ A second factor is enrolled",
        "✓ A second factor is verified (totp)",
        "✓ A grant opens it: accountant (read, write)",
        "✓ May be asked from anywhere",
        "✓ May be asked at any hour",
        "✓ Any second factor",
        "✓ Verified less than 15m ago (5m)",
    ]


def test_explain_shows_what_stops_a_request_and_the_nearest_fix(sample: None) -> None:
    run = policy("explain", "--user", "ben", *LEDGER, "--factor", "totp", "--factor-age", "20m", *AT)
    assert run.code == 4
    assert run.lines[1] == "Denied: not_granted · ledger · finance"
    assert run.lines[12:] == [
        "✗ A grant for everybody or user:ben (stops here)",
        "✓ May be asked from anywhere",
        "✓ May be asked at any hour",
        "✓ Any second factor",
        "· Verified less than 15m ago (would also be missing; 20m)",
        "  finance is open to accountant (read, write) and auditor (read)",
        "Nearest fix: Give user:ben the role accountant. Verify a code of an authenticator app. The role would also open: payments (read), segments:segment[finance] (read), segments:segment[finance] (write), segments:segment[treasury] (read).",
    ]


def test_explain_as_json(sample: None) -> None:
    run = policy("explain", "--user", "ben", *LEDGER, "--factor", "totp", *AT, "--json")
    found = run.json
    assert run.code == 4
    assert found.pop("steps")[9] == {"mark": "✗", "text": "A grant for everybody or user:ben", "note": "stops here"}
    assert found == {
        "allowed": False,
        "reason": "not_granted",
        "segment": "finance",
        "resource": "ledger",
        "grants": [],
        "decision": None,
        "today": {"allowed": False, "reason": "not_granted"},
        "subject": "user:ben",
        "asked": "GET ledger.example.test/books",
        "at": "2026-11-24T10:00:00Z",
        "ip": "10.1.2.3",
        "obligations": [],
        "fix": {"role": "accountant", "factor": None, "ip": None, "at": None},
    }


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (("--user", "alice", "--url", "https://x.pay.test/", "--factor", "totp"), "Denied: stronger_factor_required · payments · treasury"),
        (("--user", "alice", "--url", "https://x.pay.test/", "--factor", "webauthn"), "Allowed: granted · payments · treasury"),
        (("--user", "alice", "--url", "https://a.x.pay.test/", "--factor", "webauthn"), "Denied: unknown_resource"),
        (("--user", "alice", *LEDGER), "Denied: second_factor_required · ledger · finance"),
        (("--user", "alice", "--url", "https://ledger.example.test/%zz", "--factor", "totp"), "Denied: malformed_target"),
        (("--user", "service:batch", *LEDGER), "Denied: service_account_not_allowed · ledger · finance"),
        (("--user", "ben", "--url", "https://ledger.example.test/healthz"), "Allowed: anonymous_resource · health · finance"),
        (("--user", "ben", "--url", "https://ledger.example.test/healthz/%2e%2e/books"), "Denied: second_factor_required · ledger · finance"),
        (("--user", "alice", "--view", "segments:segment[finance]", "--factor", "totp"), "Allowed: granted · segments:segment[finance] · finance"),
        (("--user", "alice", "--url", "http://localhost:8000/segments/finance/", "--factor", "totp"), "Allowed: granted · segments:segment[finance] · finance"),
        (("--user", "ben", "--url", "http://localhost/segments/finance/", "--factor", "totp"), "Denied: not_granted · segments:segment[finance] · finance"),
        (("--user", "ben", "--url", "http://localhost/login/"), "Allowed: anonymous_resource · accounts:login"),
        (("--user", "ben", "--view", "accounts:login"), "Allowed: anonymous_resource · accounts:login"),
        (("--user", "ben", "--url", "http://localhost/nowhere/", "--factor", "totp"), "Denied: unknown_resource"),
        (("--user", "ben", "--url", "http://elsewhere.test/login/", "--factor", "totp"), "Denied: unknown_resource"),
    ],
)  # fmt: skip
def test_explain_answers_as_a_live_request_would_be(sample: None, arguments: tuple[str, ...], answer: str) -> None:
    run = policy("explain", *arguments)
    assert (run.lines[1], run.code) == (answer, 0 if answer.startswith("Allowed") else 4)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("--user", "zoe", *LEDGER), 3, "unknown user `zoe`"),
        (("--user", "alice"), 2, "give either a url or a view"),
        (("--user", "alice", "--url", "ledger"), 2, "`ledger` is not a URL: write https://host/path"),
        (("--user", "alice", *LEDGER, "--at", "noon"), 2, "at: `noon` is not a time: write it as 2026-12-24T00:00:00Z"),
        (("--user", "alice", *LEDGER, "--ip", "ten"), 2, "ip: 'ten' does not appear to be an IPv4 or IPv6 address"),
        (("--user", "alice", *LEDGER, "--factor", "totp", "--factor-age", "5"), 2, "factor_age: `5` is not a duration: write it as 15m, 1h30m, 45s or 2d"),
        (("--decision", "D-0000"), 3, "the ledger has no decision `D-0000`"),
        (("--decision", "D-0000", *LEDGER), 2, "--decision says everything: leave out --url"),
    ],
)  # fmt: skip
def test_explain_refuses_what_it_cannot_ask(sample: None, arguments: tuple[str, ...], code: int, message: str) -> None:
    assert policy("explain", *arguments) == Run(code, "", f"{message}\n")


def taken(username: str, path: str = "/books") -> str:
    """The reference of a decision that was taken about somebody with an authenticator app."""
    now = timezone.now()
    person = User.objects.get(username=username)

    def subject() -> Any:
        return snapshot.subject_of(person, now, verifications=(Verification(Factor.TOTP, now),))

    target = WebTarget("ledger.example.test", path, "GET")
    return administrator.decide(subject, target, Context(now, ip_address("10.1.2.3"))).reference


def test_explain_tells_of_a_decision_that_was_taken(sample: None) -> None:
    reference = taken("ben")
    run = policy("explain", "--decision", reference)
    assert run.code == 4
    assert run.lines[0].startswith("user:ben · GET ledger.example.test/books · from 10.1.2.3 · ")
    assert run.lines[1:3] == [
        f"{reference} Denied: not_granted · ledger · finance",
        "Today it would be decided the same.",
    ]


def test_explain_tells_what_has_changed_since_a_decision(sample: None) -> None:
    reference = taken("alice")
    Segment.objects.filter(slug="finance").update(state="quarantined")
    run = policy("explain", "--decision", reference)
    assert run.code == 0
    assert run.lines[1:3] == [
        f"{reference} Allowed: granted · ledger · finance",
        "Today it would be denied: segment_quarantined.",
    ]


def test_explain_tells_of_a_decision_about_somebody_who_is_gone(sample: None) -> None:
    reference = taken("ben")
    User.objects.get(username="ben").delete()
    assert policy("explain", "--decision", reference).lines[1] == f"{reference} Denied: not_granted · ledger · finance"
    nobody = administrator.decide(lambda: None, WebTarget("ledger.example.test", "/", "GET"), Context(timezone.now()))
    assert policy("explain", "--decision", nobody.reference).lines[0].startswith("nobody signed in · GET")


def test_questions_are_not_in_the_ledger(sample: None) -> None:
    before = Entry.objects.count()
    policy("explain", "--user", "alice", *LEDGER)
    assert Entry.objects.count() == before


# ---------------------------------------------------------------- decide
def decided(write: Callable[..., str], *cases: Any) -> Run:
    return policy("decide", "--cases", write("\n".join(json.dumps(case) for case in cases), "cases.jsonl"))


def test_decide_answers_one_line_each(write: Callable[..., str], sample: None) -> None:
    grant = str(Grant.objects.get(role__slug="accountant", segment__slug="finance").pk)
    ledger = {"url": "https://ledger.example.test/", "method": "GET", "factor": "totp"}
    run = decided(
        write,
        {"user": "alice", **ledger},
        {"user": "ben", **ledger},
        {"user": None, **ledger},
        {"user": "alice", **ledger, "factor": "none"},
        {"user": "alice", **ledger, "factor_age": "15m"},
        {"user": "alice", **ledger, "factor_age": "14m"},
        {"user": "alice", "view": "segments:segment[finance]", "method": "POST", "factor": "webauthn"},
        {"user": None, "url": "https://ledger.example.test/healthz"},
    )
    answers = [json.loads(line) for line in run.lines]
    assert (run.code, run.err) == (0, "")
    assert answers[0] == {
        "allowed": True,
        "reason": "granted",
        "segment": "finance",
        "resource": "ledger",
        "grants": [grant],
    }
    assert answers[7] == {
        "allowed": True, "reason": "anonymous_resource", "segment": "finance", "resource": "health", "grants": [],
    }  # fmt: skip
    assert [answer["reason"] for answer in answers[1:7]] == [
        "not_granted",
        "sign_in_required",
        "second_factor_required",
        "reauthentication_required",
        "granted",
        "granted",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ("", "not JSON: Expecting value: line 1 column 1 (char 0)"),
        ("[]", "expected a JSON object"),
        ('{"url": "https://h/"}', "`user` is missing: null is nobody signed in"),
        ('{"user": "zoe", "url": "https://h/"}', "unknown user `zoe`"),
        ('{"user": null}', "give either a url or a view"),
        ('{"user": null, "url": "https://h/", "view": "a"}', "give either a url or a view"),
        ('{"user": null, "url": "h"}', "`h` is not a URL: write https://host/path"),
        ('{"user": null, "view": "a", "uer": "b"}', "unknown key `uer`: expected one of user, url, view, method, ip, at, factor, factor_age"),
        ('{"user": null, "view": 1}', "`view` is not text"),
        ('{"user": null, "view": "a", "factor": "sms"}', "factor `sms` is not one of none, totp, webauthn, recovery"),
        ('{"user": null, "view": "a", "at": "2026-11-24"}', "at: `2026-11-24` has no time zone: add Z or an offset, as in 2026-12-24T00:00:00Z"),
        ('{"user": "alice", "view": "a", "factor": "totp", "factor_age": "99999d99999d"}', "factor_age: `99999d99999d` is not a duration: write it as 15m, 1h30m, 45s or 2d"),
        ('{"user": "alice", "view": "a", "factor": "totp", "at": "0001-01-01T00:00:00Z", "factor_age": "1d"}', "factor_age is older than time itself"),
    ],
)  # fmt: skip
def test_a_bad_line_is_an_error_and_the_others_are_answered(
    write: Callable[..., str], sample: None, line: str, message: str
) -> None:
    good = '{"user": null, "view": "segments:portal"}'
    run = policy("decide", "--cases", write(f"{good}\n{line}\n{good}\n", "cases.jsonl"))
    first, bad, last = run.lines
    assert (run.code, json.loads(bad), first) == (1, {"error": message}, last)


def test_decide_without_cases_is_not_found(write: Callable[..., str]) -> None:
    assert policy("decide", "--cases", "gone.jsonl") == Run(3, "", "gone.jsonl: there is no such file\n")


def test_decide_reads_the_database_as_often_for_one_case_as_for_many(
    write: Callable[..., str], sample: None, django_assert_num_queries: Any
) -> None:
    case = {"user": "alice", "url": "https://ledger.example.test/", "factor": "totp"}
    snapshot.current()
    for count in (1, 30):
        with django_assert_num_queries(4):
            assert decided(write, *[case] * count).code == 0
