"""Staff who do something at the same moment: one of them does, the others are told."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, RoleAssignment
from audit import ledger
from audit.models import Entry
from segments.models import Resource
from tests import factories
from tests.at_once import at_once
from tests.page_forms import open_form
from tests.segments import rows
from tests.staff_cast import KINDS, signed_in

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]


def posting(client: Client, path: str, data: dict[str, Any]) -> Callable[[], int]:
    return lambda: client.post(path, data).status_code


def test_of_many_who_edit_the_same_thing_one_saves() -> None:
    segment = rows.segment("finance")
    rows.web(segment, "app.example.test", "/finance", name="app-finance")
    path = reverse("admin:segments_segment_change", args=[segment.pk])
    clients = [signed_in(KINDS["superuser"]()), signed_in(KINDS["access administrator"]())] * 10
    data = open_form(clients[0], path, "segment")
    jobs = [posting(client, path, data | {"resources-0-path": f"/p{number}"}) for number, client in enumerate(clients)]
    assert Counter(at_once(jobs, workers=4)) == {302: 1, 200: 19}
    (entry,) = Entry.objects.filter(kind="policy.changed")
    (after,) = (value for name, value in entry.data["after"].items() if name.startswith("resources:"))
    assert Resource.objects.get(name="app-finance").path == after["path"]
    assert ledger.verify().ok


def test_two_who_take_each_others_role_leave_one() -> None:
    people = [
        factories.user(name, is_staff=True, is_superuser=True, roles=(Role.ADMINISTRATOR,)) for name in ("ada", "ole")
    ]
    clients = [signed_in(person) for person in people]
    held = {assignment.user_id: assignment.pk for assignment in RoleAssignment.objects.all()}
    act = {"action": "revoke", "confirmed": "yes", "reason": "x"}
    path = reverse("admin:accounts_roleassignment_changelist")
    at_once(
        [
            posting(client, path, act | {"_selected_action": held[other.pk]})
            for client, other in zip(clients, reversed(people), strict=True)
        ]
    )
    assert RoleAssignment.objects.active(timezone.now()).count() == 1


def test_the_same_role_given_many_times_is_held_once() -> None:
    client = signed_in(KINDS["access administrator"]())
    alice, role = factories.alice(), factories.role("accountant")
    path = reverse("admin:accounts_roleassignment_add")
    jobs = [posting(client, path, {"role": role.pk, "user": alice.pk})] * 10
    assert Counter(at_once(jobs, workers=4)) == {302: 1, 200: 9}
    assert RoleAssignment.objects.filter(role=role).count() == 1
    assert Entry.objects.filter(kind="role.granted").count() == 1
