"""The stored policy as a file: whole, in a stable order, without secrets; and what is loaded from it is what it was."""

# Files and messages stand here as people see them.
# ruff: noqa: E501

import json
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.db import transaction
from django.utils import timezone
from hypothesis import HealthCheck, given, settings

from accounts.models import Role
from accounts.roles import grant_role
from segments import policyfile
from segments.models import Guardrail, Segment
from tests import factories
from tests.segments import rows
from tests.segments.policyfile import worlds

pytestmark = pytest.mark.django_db

EMPTY = """\
version: 1
roles:
  - {slug: administrator, name: Administrator, description: Opens the administration; Django's permissions narrow it further.}
  - {slug: everybody, name: Everybody, description: Held by every signed-in person.}
segments:
  - slug: administration
    name: Administration
    resources:
      - {view: 'admin:*'}
    grants:
      - role: administrator
        actions: [read, write]
        reason: built in
  - slug: portal
    name: Portal
    resources:
      - {view: 'accounts:*'}
      - {view: 'segments:enter'}
      - {view: 'segments:portal'}
    grants:
      - role: everybody
        actions: [read, write]
        reason: built in
"""


def load(document: Any) -> policyfile.Changes:
    text = document if isinstance(document, str) else json.dumps(document)
    return policyfile.load(policyfile.read(text.encode()), now=timezone.now())


def dumped() -> str:
    return policyfile.as_yaml(policyfile.dump())


def test_what_is_built_in_is_there_like_anything_else() -> None:
    assert dumped() == EMPTY


def test_loading_a_dump_changes_nothing() -> None:
    finance = rows.segment("finance", state="quarantined", reauth_after=timedelta(minutes=90))
    finance.owners.add(factories.alice(roles=("accountant",)))
    rows.web(finance, "ledger.example.test", "/books", methods=["POST", "GET"])
    rows.grant(finance, factories.role("accountant"), actions=["write", "read"])
    grant_role(role=factories.role("auditor"), holder=factories.bob(), expires_at=timezone.now(), reason="x")
    before = dumped()
    assert load(before).changes == ()
    assert dumped() == before


def test_it_holds_no_secret() -> None:
    person = factories.alice()
    text = dumped()
    assert "alice" in text
    assert person.password not in text
    assert not any(word in text for word in ("password", "totp", "recovery", "key"))


def test_a_revoked_role_is_not_in_it_and_a_given_one_is() -> None:
    person = factories.alice(roles=("accountant", "auditor"))
    person.role_assignments.filter(role__slug="auditor").update(revoked_at=timezone.now())
    (alice,) = policyfile.dump()["users"]
    assert alice == {"username": "alice", "name": "Alice", "staff": False, "roles": ["accountant"]}


def test_an_enforced_segment_does_not_say_so_that_an_old_dump_lifts_no_quarantine() -> None:
    segment = rows.segment("finance")
    before = dumped()
    Segment.objects.filter(pk=segment.pk).update(state="quarantined")
    assert load(before).changes == ()
    segment.refresh_from_db()
    assert segment.state == "quarantined"


def test_a_question_stored_in_another_spelling_is_no_change() -> None:
    Guardrail.objects.create(
        name="n",
        expect="deny",
        question={"role": Role.EVERYBODY, "view": "a", "at": "2026-11-23T10:00:00+01:00", "ip": "::A"},
    )
    assert load(dumped()).changes == ()


def test_what_was_stored_past_the_checks_is_shown_and_refused() -> None:
    Guardrail.objects.create(name="n", expect="deny", question={"sgement": "x"})
    with pytest.raises(policyfile.PolicyFileError, match="expected exactly one of role, user, any_user"):
        policyfile.plan(policyfile.read(dumped().encode()))


def in_an_empty_database(document: Any) -> tuple[dict[str, Any], policyfile.Changes]:
    """What is stored after loading a document, and what loading the dump of that would change; then all is undone."""
    with transaction.atomic():
        load(document)
        stored = policyfile.dump()
        changes = policyfile.plan(policyfile.read(policyfile.as_yaml(stored).encode()), prune=True)
        transaction.set_rollback(True)
    return stored, changes


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(worlds.documents())
def test_dump_after_load_is_the_identity(db: None, document: dict[str, Any]) -> None:
    first, changes = in_an_empty_database(document)
    assert changes.changes == ()
    assert in_an_empty_database(policyfile.as_yaml(first)) == (first, changes)
    assert in_an_empty_database(json.dumps(first)) == (first, changes)
    assert yaml.safe_load(policyfile.as_yaml(first)) == first  # for other readers of YAML, too
