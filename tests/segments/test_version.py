"""The version of the stored policy moves with every change that matters, and with nothing else."""

from collections.abc import Callable

import pytest
from django.db import connection, transaction

from accounts.models import Role
from segments import snapshot, version
from segments.models import Flow, Grant, Resource, Segment
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db


@pytest.fixture
def finance() -> Segment:
    segment = rows.segment("finance")
    rows.web(segment, "ledger.example.test")
    rows.grant(segment, factories.role("accountant"))
    segment.owners.add(factories.carol())
    return segment


def plain_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


CHANGES: dict[str, Callable[[Segment], object]] = {
    "a segment saved": lambda segment: segment.save(),
    "a segment changed in bulk": lambda _: Segment.objects.filter(slug="finance").update(state="quarantined"),
    "a segment changed in plain SQL": lambda _: plain_sql("UPDATE segments_segment SET state = 'quarantined'"),
    "a segment added": lambda _: rows.segment("people"),
    "a segment deleted": lambda segment: segment.delete(),
    "an owner added": lambda segment: segment.owners.add(factories.bob()),
    "an owner removed": lambda segment: segment.owners.clear(),
    "a resource added": lambda segment: rows.web(segment, "books.example.test"),
    "a resource changed": lambda segment: segment.resources.update(path="/books"),
    "a resource deleted": lambda _: Resource.objects.filter(host="ledger.example.test").delete(),
    "a grant added": lambda segment: rows.grant(segment, factories.role("auditor")),
    "a grant changed": lambda segment: segment.grants.update(actions=["read", "write"]),
    "a grant deleted in bulk": lambda _: Grant.objects.filter(role__slug="accountant").delete(),
    "a flow added": lambda segment: Flow.objects.create(source=segment, target=segment, ports=["tcp/5432"]),
    "a role renamed": lambda _: Role.objects.filter(slug="accountant").update(slug="bookkeeper"),
    "a person renamed": lambda _: type(factories.bob()).objects.filter(username="bob").update(username="rob"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_version_moves(finance: Segment, change: Callable[[Segment], object]) -> None:
    before = version.read()
    change(finance)
    after = version.read()
    assert after.number > before.number
    assert after.nonce not in {before.nonce, ""}


def test_the_version_stays_when_a_person_only_gets_a_role(finance: Segment) -> None:
    """One person's role is read with each request: it must not rebuild everybody's policy."""
    alice = factories.alice()
    held = factories.role("accountant")
    before = version.read()
    factories.assignment(alice, held)
    alice.is_active = False
    alice.save()
    assert version.read() == before


def test_the_policy_is_built_once_for_a_version(finance: Segment) -> None:
    assert snapshot.current() is snapshot.current()


def test_the_policy_is_built_anew_after_a_change(finance: Segment) -> None:
    before = snapshot.current()
    finance.grants.all().delete()
    after = snapshot.current()
    assert [grant.role for grant in before.grants if grant.segment == "finance"] == ["accountant"]
    assert [grant.role for grant in after.grants if grant.segment == "finance"] == []
    assert after.version > before.version


def test_a_change_that_was_rolled_back_is_not_remembered(finance: Segment) -> None:
    """The rolled-back policy had the number that the next change gets: the nonce tells them apart."""
    with transaction.atomic():
        rows.grant(finance, factories.role("intruder"))
        assert "intruder" in {grant.role for grant in snapshot.current().grants}
        transaction.set_rollback(True)
    rows.grant(finance, factories.role("auditor"))
    roles = {grant.role for grant in snapshot.current().grants if grant.segment == "finance"}
    assert roles == {"accountant", "auditor"}
