"""Decisions are recorded before they are answered, and anything that fails is a refusal."""

from datetime import UTC, datetime
from ipaddress import ip_address

import pytest
from django.db import connection

from accounts.models import User
from audit.models import Entry
from segments import administrator, snapshot
from segments.models import Segment
from segments.policy.model import Context, Factor, Reason, Subject, Verification, WebTarget
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)
HERE = Context(at=AT, address=ip_address("10.1.2.3"))
LEDGER = WebTarget("ledger.example.test", "/books?token=secret", "GET")


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "ledger.example.test", name="ledger")
    rows.grant(segment, factories.role("accountant"))
    return segment


def verified(person: User) -> Subject:
    return snapshot.subject_of(person, AT, verifications=(Verification(Factor.TOTP, AT),))


def accountant() -> Subject:
    return verified(factories.alice(roles=("accountant",)))


def test_an_allowed_request_is_in_the_ledger(finance: Segment) -> None:
    ruling = administrator.decide(accountant, LEDGER, HERE)
    entry = Entry.objects.get(reference=ruling.reference)
    grant = finance.grants.get()
    assert (ruling.decision.allowed, ruling.decision.reason) == (True, Reason.GRANTED)
    assert (entry.kind, entry.actor, entry.subject) == ("decision", "user:alice", "finance")
    assert entry.data == {
        "allowed": True,
        "reason": "granted",
        "resource": "ledger",
        "grants": [str(grant.pk)],
        "policy_version": snapshot.current().version,
        "target": {"host": "ledger.example.test", "path": "/books", "method": "GET"},
        "address": "10.1.2.3",
        "verifications": [["totp", AT.isoformat()]],
        "roles": ["accountant", "everybody"],
    }


def test_a_refused_request_is_in_the_ledger(finance: Segment) -> None:
    ruling = administrator.decide(lambda: verified(factories.bob()), LEDGER, HERE)
    entry = Entry.objects.get(reference=ruling.reference)
    assert (ruling.decision.allowed, entry.data["allowed"], entry.data["reason"]) == (False, False, "not_granted")


def test_nobody_is_refused_and_recorded(finance: Segment) -> None:
    ruling = administrator.decide(lambda: None, LEDGER, HERE)
    entry = Entry.objects.get(reference=ruling.reference)
    assert (ruling.decision.reason, entry.actor) == (Reason.SIGN_IN_REQUIRED, "")


def test_the_query_is_never_recorded(finance: Segment) -> None:
    ruling = administrator.decide(accountant, LEDGER, HERE)
    assert "secret" not in str(Entry.objects.get(reference=ruling.reference).data)


def test_a_failure_to_find_out_who_asks_is_a_refusal(finance: Segment) -> None:
    def unreadable() -> Subject:
        raise RuntimeError("the sessions cannot be read")

    ruling = administrator.decide(unreadable, LEDGER, HERE)
    entry = Entry.objects.get(reference=ruling.reference)
    assert (ruling.decision.allowed, ruling.decision.reason) == (False, Reason.POLICY_ERROR)
    assert entry.data["reason"] == "policy_error"


def test_no_record_no_allow(finance: Segment) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE audit_head")
    ruling = administrator.decide(accountant, LEDGER, HERE)
    assert (ruling.decision.allowed, ruling.decision.reason) == (False, Reason.POLICY_ERROR)


def test_a_policy_that_cannot_be_read_is_a_refusal(finance: Segment) -> None:
    finance.resources.update(host="two hosts")  # past the checks, as plain SQL would
    ruling = administrator.decide(accountant, LEDGER, HERE)
    assert (ruling.decision.allowed, ruling.decision.reason) == (False, Reason.POLICY_ERROR)
    assert Entry.objects.get(reference=ruling.reference).data["reason"] == "policy_error"
