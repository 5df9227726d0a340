"""Loading: what it changes and what it leaves alone, what it refuses, and what is in the ledger afterwards."""

# Files and messages stand here as people see them.
# ruff: noqa: E501

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from audit.models import Entry
from segments import policyfile, snapshot
from segments.models import Flow, Grant, Guardrail, Resource, Segment
from segments.policyfile import Changes, GuardrailsBroken, PolicyFileError
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db

SAMPLE = """\
version: 1
roles:
  - {slug: accountant, name: Accountant, description: Books and pays}
  - {slug: auditor}
  - {slug: contractor}
users:
  - username: alice
    email: alice@example.test
    name: Alice Adams
    staff: false
    roles:
      - accountant
      - {role: auditor, not_before: 2026-12-01T00:00:00Z, expires_at: 2027-01-31T00:00:00Z, reason: year-end audit}
  - {username: bob}
  - {username: carol}
service_accounts:
  - {name: billing-batch, roles: [accountant], networks: [10.20.0.0/16]}
segments:
  - slug: finance
    name: Finance
    sensitivity: high
    owners: [carol]
    assurance: phishing_resistant
    reauth_after: 15m
    networks: [10.0.0.0/8]
    hours: {days: [mon, tue, wed, thu, fri], from: "07:00", to: "19:00", tz: Europe/Berlin}
    resources:
      - {view: "payroll:*"}
      - {name: ledger, host: ledger.example.test, path: /, upstream: "http://127.0.0.1:9001"}
      - {name: ledger-health, host: ledger.example.test, path: /healthz, methods: [GET], anonymous: true}
      - {name: db, workload: {cidrs: [10.30.1.0/24], namespace: finance, labels: {app: db}}}
    grants:
      - {role: accountant, actions: [read, write]}
      - {user: bob, actions: [read], expires_at: 2026-12-24T00:00:00Z, reason: INC-4711}
  - {slug: web}
flows:
  - {from: web, to: finance, ports: [tcp/5432], description: app to ledger database}
guardrails:
  - {name: no contractor in finance, expect: deny, role: contractor, segment: finance}
  - {name: ledger writes need a key, expect: deny, any_user: true, url: "https://ledger.example.test/", method: POST, factor: totp}
  - {name: accountants can read the ledger, expect: allow, role: accountant, url: "https://ledger.example.test/", factor: webauthn, ip: 10.1.2.3, at: 2026-11-23T10:00:00+01:00}
"""

UNGUARDED = SAMPLE.partition("guardrails:")[0]


def read(text: str) -> policyfile.Document:
    return policyfile.read(text.encode(), "f.yaml")


def load(text: str, **options: Any) -> Changes:
    return policyfile.load(
        read(f"version: 1\n{text}" if "version:" not in text else text), now=timezone.now(), **options
    )


def names(changes: tuple[policyfile.Change, ...]) -> list[str]:
    return [f"{change.kind.value} {change.name}" for change in changes]


def refusal(text: str, **options: Any) -> list[str]:
    with pytest.raises(PolicyFileError) as caught:
        load(text, **options)
    return str(caught.value).splitlines()


# ---------------------------------------------------------------- everything
def test_everything_of_the_contract_is_loaded() -> None:
    changes = load(SAMPLE)
    assert (len(changes.created), changes.changed, changes.removed) == (22, (), ())
    segment = Segment.objects.get(slug="finance")
    assert (segment.reauth_after, segment.hours, [owner.username for owner in segment.owners.all()]) == (
        timedelta(minutes=15),
        {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "07:00", "to": "19:00", "tz": "Europe/Berlin"},
        ["carol"],
    )
    assert sorted(segment.resources.values_list("kind", "name", "anonymous")) == [
        ("view", "payroll:*", False),
        ("web", "ledger", False),
        ("web", "ledger-health", True),
        ("workload", "db", False),
    ]
    assert list(segment.grants.values_list("role__slug", "user__username", "expires_at", "reason")) == [
        ("accountant", None, None, ""),
        (None, "bob", datetime(2026, 12, 24, tzinfo=UTC), "INC-4711"),
    ]
    assert list(Flow.objects.values_list("source__slug", "target__slug", "ports")) == [("web", "finance", ["tcp/5432"])]
    assert Guardrail.objects.get(name="no contractor in finance").question == {
        "role": "contractor",
        "segment": "finance",
    }
    assert ServiceAccount.objects.get().networks == ["10.20.0.0/16"]


def test_loading_twice_changes_nothing_the_second_time() -> None:
    load(SAMPLE)
    version, entries = snapshot.current().version, Entry.objects.count()
    assert load(SAMPLE).changes == ()
    assert (snapshot.current().version, Entry.objects.count()) == (version, entries)


def test_a_view_that_the_url_configuration_lacks_is_a_warning() -> None:
    changes = load(SAMPLE)
    assert [warning.text("f.yaml") for warning in changes.warnings] == [
        "f.yaml:28: segments[0].resources[0].view: the URL configuration has no view `payroll:*` (segment `finance`)"
    ]
    assert load("segments: [{slug: admin-too, resources: [{view: 'admin:index'}]}]").warnings == ()


def test_new_people_have_no_usable_password() -> None:
    load("users: [{username: alice}]")
    assert not User.objects.get(username="alice").has_usable_password()


# ---------------------------------------------------------------- what leaving out means
def test_what_the_file_does_not_name_is_left_alone() -> None:
    load(SAMPLE)
    before = policyfile.dump()
    load("roles: [{slug: dba}]")
    after = policyfile.dump()
    assert after["roles"].pop(4) == {"slug": "dba", "name": "Dba"}
    assert after == before


def test_a_segment_is_what_the_file_says_it_is() -> None:
    load(UNGUARDED)
    (change,) = load("segments: [{slug: finance, name: Finance, networks: [10.0.0.0/8]}]").changes
    assert change.differences == {
        "sensitivity": ("high", "moderate"),
        "owners": (["carol"], []),
        "assurance": ("phishing_resistant", "mfa"),
        "reauth_after": (timedelta(minutes=15), None),
        "hours": (
            {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "07:00", "to": "19:00", "tz": "Europe/Berlin"},
            None,
        ),
    }


def test_people_keep_what_the_file_does_not_say() -> None:
    load(SAMPLE)
    assert load("users: [{username: alice, roles: [accountant]}]").changes == ()
    (change,) = load("users: [{username: alice, staff: true}]").changes
    assert change.differences == {"staff": (False, True)}


def test_a_quarantine_stays_until_the_file_lifts_it() -> None:
    rows.segment("finance", state="quarantined")
    assert load("segments: [{slug: finance}]").changes == ()
    (change,) = load("segments: [{slug: finance, state: enforced}]").changes
    assert change.differences == {"state": ("quarantined", "enforced")}


def test_narrowing_a_grant_in_the_file_narrows() -> None:
    load(SAMPLE)
    pk = Grant.objects.get(role__slug="accountant").pk
    (change,) = load(SAMPLE.replace("{role: accountant, actions: [read, write]}", "{role: accountant}")).changes
    assert (change.name, change.differences) == ("accountant → finance", {"actions": (["read", "write"], ["read"])})
    assert Grant.objects.get(role__slug="accountant").pk == pk


def test_the_grants_that_a_file_gives_a_holder_are_all_it_has_in_a_segment() -> None:
    load(
        "roles: [{slug: a}, {slug: b}]\nsegments: [{slug: s, grants: [{role: a}, {role: a, actions: [write]}, {role: b}]}]"
    )
    changes = load("segments: [{slug: s, grants: [{role: a}]}]")
    assert names(changes.removed) == ["grant a → s"]
    assert list(Grant.objects.filter(segment__slug="s").values_list("role__slug", "actions")) == [
        ("a", ["read"]),
        ("b", ["read"]),
    ]


def test_a_resource_moves_to_the_segment_that_names_it() -> None:
    load(UNGUARDED)
    pk = Resource.objects.get(name="ledger").pk
    (change,) = load(
        "segments: [{slug: web, resources: [{name: ledger, host: ledger.example.test, upstream: 'http://127.0.0.1:9001'}]}]"
    ).changes
    assert change.differences == {"segment": ("finance", "web")}
    assert Resource.objects.get(name="ledger").pk == pk


def test_two_resources_may_swap_what_they_are_known_by() -> None:
    both = "segments: [{{slug: s, resources: [{{name: a, host: {0}.test}}, {{name: b, host: {1}.test}}, {{name: {0}, view: v}}, {{name: {1}, view: w}}]}}]"
    load(both.format("x", "y"))
    changes = load(both.format("y", "x"))
    assert len(changes.changed) == 4
    assert dict(Resource.objects.filter(segment__slug="s").values_list("name", "host")) == {
        "a": "y.test",
        "b": "x.test",
        "x": "",
        "y": "",
    }
    assert dict(Resource.objects.filter(kind="view", segment__slug="s").values_list("view", "name")) == {
        "v": "y",
        "w": "x",
    }


def test_a_resource_may_become_one_of_another_kind() -> None:
    load("segments: [{slug: s, resources: [{name: a, host: a.test, methods: [GET]}]}]")
    load("segments: [{slug: s, resources: [{name: a, workload: {cidrs: [10.0.0.0/8]}}]}]")
    row = Resource.objects.get(name="a")
    assert (row.kind, row.host, row.path, row.methods, row.cidrs) == ("workload", "", "", None, ["10.0.0.0/8"])


def test_a_role_that_changes_its_window_is_revoked_and_given_anew() -> None:
    load("roles: [{slug: a}]\nusers: [{username: alice, roles: [a]}]")
    load("users: [{username: alice, roles: [{role: a, expires_at: 2030-01-01T00:00:00Z}]}]")
    old, new = RoleAssignment.objects.order_by("pk")
    assert old.revoked_at is not None
    assert (new.revoked_at, new.expires_at) == (None, datetime(2030, 1, 1, tzinfo=UTC))


def test_a_role_keeps_the_reason_it_was_given_for() -> None:
    person = factories.alice()
    factories.assignment(person, factories.role("a"), reason="hired")
    assert load("users: [{username: alice, roles: [a]}]").changes == ()


# ---------------------------------------------------------------- prune
def test_prune_takes_away_what_the_file_does_not_name() -> None:
    load(SAMPLE)
    changes = load(
        "roles: [{slug: accountant, name: Accountant, description: Books and pays}]\n"
        "users: [{username: alice, roles: [accountant]}]\n"
        "segments: [{slug: finance, grants: [{role: accountant, actions: [read, write]}], resources: [{view: 'payroll:*'}]}]\n",
        prune=True,
    )
    assert names(changes.removed) == [
        "role contractor",
        "segment web",
        "resource db",
        "resource ledger",
        "resource ledger-health",
        "grant user:bob → finance",
        "flow web → finance",
        "guardrail accountants can read the ledger",
        "guardrail ledger writes need a key",
        "guardrail no contractor in finance",
        "role_assignment auditor → user:alice",
        "role_assignment accountant → service:billing-batch",
    ]
    assert sorted(User.objects.values_list("username", flat=True)) == ["alice", "bob", "carol"]
    assert ServiceAccount.objects.count() == 1
    assert policyfile.plan(read("version: 1"), prune=False).changes == ()


def test_prune_never_takes_away_what_is_built_in() -> None:
    before = policyfile.dump()
    changes = load("roles: []", prune=True)
    assert changes.changes == ()
    assert policyfile.dump() == before


def test_prune_keeps_a_role_that_somebody_held_on_record() -> None:
    load("roles: [{slug: a}]\nusers: [{username: alice, roles: [a]}]")
    changes = load("roles: []", prune=True)
    assert names(changes.removed) == ["role_assignment a → user:alice"]
    assert [warning.message for warning in changes.warnings] == [
        "role `a` is kept: who held it stays on record. It holds and opens nothing"
    ]
    assert load("roles: []", prune=True).changes == ()


def test_prune_keeps_a_role_that_the_file_only_refers_to() -> None:
    load("roles: [{slug: a}, {slug: b}]")
    changes = load("segments: [{slug: s, grants: [{role: a}]}]", prune=True)
    assert names(changes.removed) == ["role b"]


def test_nobody_prunes_the_last_administrator() -> None:
    factories.sam()
    text = "users: [{username: sam}]"
    assert refusal(text, prune=True) == [
        "f.yaml:1: nobody would be left with the role `administrator`: give it to at least one person"
    ]
    assert load("users: [{username: sam, roles: [administrator]}]", prune=True).changes == ()
    factories.carol()
    assert names(load("users: [{username: sam, roles: [administrator]}]", prune=True).removed) == [
        "role_assignment administrator → user:carol"
    ]


# ---------------------------------------------------------------- what is refused
def test_a_reference_to_nothing_names_the_thing_and_where() -> None:
    text = (
        "version: 1\n"
        "users:\n"
        "  - {username: alice, roles: [dba]}\n"
        "segments:\n"
        "  - slug: db\n"
        "    owners: [zoe]\n"
        "    grants:\n"
        "      - {role: dba}\n"
        "      - {user: zoe}\n"
        "      - {service_account: batch}\n"
        "flows: [{from: db, to: web, ports: [tcp/1]}]\n"
        "guardrails: [{name: g, expect: deny, role: dba, segment: web}]\n"
    )
    assert refusal(text) == [
        "f.yaml:3: users[0].roles[0]: unknown role `dba` in roles of user `alice`",
        "f.yaml:6: segments[0].owners: unknown user `zoe` in owners of segment `db`",
        "f.yaml:8: segments[0].grants[0].role: unknown role `dba` in grants of segment `db`",
        "f.yaml:9: segments[0].grants[1].user: unknown user `zoe` in grants of segment `db`",
        "f.yaml:10: segments[0].grants[2].service_account: unknown service account `batch` in grants of segment `db`",
        "f.yaml:11: flows[0].to: unknown segment `web` in flows",
        "f.yaml:12: guardrails[0].role: unknown role `dba` in guardrail `g`",
        "f.yaml:12: guardrails[0].segment: unknown segment `web` in guardrail `g`",
    ]


def test_broken_keys_and_references_to_nothing_are_told_together() -> None:
    assert refusal("segments:\n  - {slug: db, networks: [x], grants: [{role: dba}]}") == [
        "f.yaml:3: segments[0].grants[0].role: unknown role `dba` in grants of segment `db`",
        "f.yaml:3: segments[0].networks[0]: “x” is not a network: write it as 10.0.0.0/8 or 2001:db8::/32.",
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("roles: [{slug: a b}]", "roles[0].slug: Enter a valid “slug” consisting of letters, numbers, underscores or hyphens."),
        ("users: [{username: 'a b'}]", "users[0].username: “a b” is not a username: use lower-case letters, digits and . _ @ + -, first a letter or digit."),
        ("users: [{username: a, email: b}]", "users[0].email: Enter a valid email address."),
        (
            "segments: [{slug: s, resources: [{name: a, host: a.test, path: books}]}]",
            "segments[0].resources[0]: path `books` does not start with `/`: write a prefix from the root, such as /finance",
        ),
        (
            "segments: [{slug: s, resources: [{name: a, host: '*.test'}]}]",
            "segments[0].resources[0]: host `*.test` is a wildcard above a registrable name: name a domain, such as *.example.test",
        ),
        (
            "segments: [{slug: s, resources: [{name: a, host: a.test}, {name: b, host: a.test}]}]",
            "segments[0].resources[1]: a.test/ is already the resource “a” of segment “s”: change the path or the methods.",
        ),
        (
            "segments: [{slug: s, resources: [{name: a, workload: {}}]}]",
            "segments[0].resources[0]: workload `a` selects nothing: give networks, or labels and a namespace",
        ),
    ],
)  # fmt: skip
def test_what_the_rows_refuse_is_told_at_line_and_key(text: str, expected: str) -> None:
    assert f"f.yaml:2: {expected}" in refusal(text)


def test_a_broken_file_changes_nothing() -> None:
    load(SAMPLE)
    before, version, entries = policyfile.dump(), snapshot.current().version, Entry.objects.count()
    refusal(
        "roles: [{slug: new}]\nsegments: [{slug: s, resources: [{name: a, host: a.test}, {name: b, host: a.test}]}]"
    )
    assert (policyfile.dump(), snapshot.current().version, Entry.objects.count()) == (before, version, entries)


# ---------------------------------------------------------------- guardrails
BROKEN = SAMPLE.replace("      - {user: bob,", "      - {role: contractor}\n      - {user: bob,")


def test_what_breaks_a_guardrail_is_not_loaded() -> None:
    load(SAMPLE)
    before, entries = policyfile.dump(), Entry.objects.count()
    with pytest.raises(GuardrailsBroken) as caught:
        load(BROKEN)
    (found,) = caught.value.breaks
    assert (found.guardrail.name, found.who, [grant.holder for grant in found.grants]) == (
        "no contractor in finance",
        "whoever holds `contractor`",
        ["contractor"],
    )
    assert (policyfile.dump(), Entry.objects.count()) == (before, entries)


def test_the_guardrails_of_the_file_itself_count() -> None:
    with pytest.raises(GuardrailsBroken):
        load(BROKEN)
    load(
        BROKEN.replace("no contractor in finance, expect: deny", "no contractor in finance, expect: allow").replace(
            "role: contractor, segment: finance", "role: contractor, segment: finance, method: GET"
        )
    )


def test_a_guardrail_that_a_role_of_a_person_breaks_is_not_loaded() -> None:
    load(SAMPLE)
    with pytest.raises(GuardrailsBroken) as caught:
        load("users: [{username: alice, roles: [contractor]}]")
    assert caught.value.breaks[0].who == "Alice Adams"
    load("users: [{username: bob, name: Bob, roles: []}, {username: zoe, roles: [contractor]}]")


# ---------------------------------------------------------------- rehearsal and ledger
def test_a_rehearsal_shows_everything_and_leaves_nothing() -> None:
    before, version, entries = policyfile.dump(), snapshot.current().version, Entry.objects.count()
    rehearsal = policyfile.rehearse(read(SAMPLE), now=timezone.now())
    assert len(rehearsal.changes.created) == 22
    assert [segment.slug for segment in rehearsal.after.policy.segments] == [
        "administration",
        "finance",
        "portal",
        "web",
    ]
    assert [segment.slug for segment in rehearsal.before.policy.segments] == ["administration", "portal"]
    assert (policyfile.dump(), snapshot.current().version, Entry.objects.count()) == (before, version, entries)


def test_every_change_is_in_the_ledger_with_before_and_after() -> None:
    load("roles: [{slug: a}]\nusers: [{username: alice, roles: [a]}]\nsegments: [{slug: s, grants: [{role: a}]}]")
    load("segments: [{slug: s, grants: [{role: a, actions: [write]}]}]", by=factories.sam())
    entries = list(Entry.objects.filter(kind__in=("policy.changed", "role.granted")).order_by("pk"))
    assert [(entry.kind, entry.actor, entry.subject) for entry in entries] == [
        ("role.granted", "", "user:alice"),
        ("policy.changed", "", "role:a"),
        ("policy.changed", "", "user:alice"),
        ("policy.changed", "", "segment:s"),
        ("policy.changed", "", "segment:s"),
        ("policy.changed", "user:sam", "segment:s"),
    ]
    grant = {
        "segment": "s", "role": "a", "user": None, "service_account": None, "actions": ["read"], "networks": [],
        "hours": None, "not_before": None, "expires_at": None, "reason": "",
    }  # fmt: skip
    data: list[Any] = [entry.data for entry in entries]
    assert data[-1] == {
        "before": {"grant:a → s": grant},
        "after": {"grant:a → s": grant | {"actions": ["write"]}},
    }
    assert data[1] == {"before": {}, "after": {"role:a": {"slug": "a", "name": "A", "description": ""}}}


def test_who_loads_is_who_grants() -> None:
    sam = factories.sam()
    load(
        "roles: [{slug: a}]\nusers: [{username: alice, roles: [a]}]\nsegments: [{slug: s, grants: [{role: a}]}]", by=sam
    )
    assert (Grant.objects.get(segment__slug="s").granted_by, RoleAssignment.objects.get(role__slug="a").granted_by) == (
        sam,
        sam,
    )


def test_nobody_loads_a_role_to_themselves() -> None:
    factories.role("a")
    text = "users: [{username: sam, roles: [a]}]"
    sam = factories.sam()
    assert refusal(text, by=sam) == ["f.yaml:2: users[0].roles[0]: `user:sam` cannot grant role `a` to itself"]
    load(text, by=factories.carol())
    assert Role.objects.get(slug="a").assignments.count() == 1
