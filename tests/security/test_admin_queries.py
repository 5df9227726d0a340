"""Lists and pages of the admin read the database as often for thirty rows as for one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts import tokens
from accounts.models import ServiceAccount
from audit import ledger
from segments.models import Flow, Guardrail, Segment
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db

# Of these, a page costs eight or nine before it begins: session, person, device, roles, version, ledger.
LISTS = {
    "accounts_user": 13,
    "accounts_role": 11,
    "accounts_roleassignment": 12,
    "accounts_serviceaccount": 11,
    "auth_group": 11,
    "audit_entry": 11,
    "segments_segment": 11,
    "segments_flow": 11,
    "segments_guardrail": 11,
}


def fill(start: int, stop: int) -> None:
    """One row of everything for each number."""
    finance = Segment.objects.filter(slug="finance").first() or rows.segment("finance")
    for number in range(start, stop):
        person = factories.user(f"user{number}", enrolled=False)
        role = factories.role(f"role{number}")
        factories.assignment(person, role, granted_by=person)
        factories.assignment(ServiceAccount.objects.create(name=f"batch{number}", networks=["10.0.0.0/8"]), role)
        Group.objects.create(name=f"group{number}")
        segment = rows.segment(f"segment{number}")
        rows.web(segment, f"host{number}.example.test", anonymous=number % 2 == 0)
        rows.grant(segment, role)
        Flow.objects.create(source=segment, target=finance, ports=["tcp/1"])
        Guardrail.objects.create(
            name=f"guardrail{number}", expect="deny", question={"role": role.slug, "segment": "finance"}
        )
        ledger.record(kind="sign_out", actor=person.subject_id, subject=person.subject_id)


def queries(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        answer = client.get(path)
    assert answer.status_code == 200
    return len(captured)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_with_one_and_with_thirty_rows(superuser: Client, name: str) -> None:
    path = reverse(f"admin:{name}_changelist")
    fill(0, 1)
    superuser.get(path)  # the first request builds the policy
    one = queries(superuser, path)
    fill(1, 30)
    superuser.get(path)
    assert (one, queries(superuser, path)) == (LISTS[name], LISTS[name])


def fill_segment(segment: Any, start: int, stop: int) -> None:
    for number in range(start, stop):
        rows.web(segment, f"host{number}.example.test")
        by = factories.user(f"user{number}", enrolled=False)
        rows.grant(segment, factories.role(f"role{number}"), granted_by=by)


def fill_role(role: Any, start: int, stop: int) -> None:
    for number in range(start, stop):
        person = factories.user(f"user{number}", enrolled=False)
        factories.assignment(person, role, granted_by=person)


def fill_person(person: Any, start: int, stop: int) -> None:
    for number in range(start, stop):
        factories.assignment(person, factories.role(f"role{number}"), granted_by=person)
        factories.app(person, f"phone{number}")


def fill_account(account: ServiceAccount, start: int, stop: int) -> None:
    for number in range(start, stop):
        by = factories.user(f"user{number}", enrolled=False)
        factories.assignment(account, factories.role(f"role{number}"), granted_by=by)
        tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=1), by=by)


PAGES: list[tuple[Callable[[], Any], Callable[[Any, int, int], None], int]] = [
    (lambda: rows.segment("finance"), fill_segment, 15),
    (lambda: factories.role("accountant"), fill_role, 10),
    (lambda: factories.user("erin", enrolled=False), fill_person, 19),
    (lambda: ServiceAccount.objects.create(name="batch"), fill_account, 11),
]


@pytest.mark.parametrize(("make", "grow", "expected"), PAGES, ids=["segment", "role", "person", "service account"])
def test_a_page_with_one_and_with_thirty_parts(
    superuser: Client, make: Callable[[], Any], grow: Callable[[Any, int, int], None], expected: int
) -> None:
    row = make()
    path = reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[row.pk])
    grow(row, 0, 1)
    superuser.get(path)
    one = queries(superuser, path)
    grow(row, 1, 30)
    superuser.get(path)
    assert (one, queries(superuser, path)) == (expected, expected)
