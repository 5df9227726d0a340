"""The state of a row as JSON, what differs between two, and how that is written."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import ServiceAccount
from audit import changes
from audit.models import Entry
from segments.models import Flow
from tests import factories
from tests.segments import rows

pytestmark = pytest.mark.django_db


def test_the_state_is_json_with_names_in_place_of_numbers() -> None:
    segment = rows.segment("finance", reauth_after=timedelta(minutes=15), networks=["10.0.0.0/8"])
    segment.owners.add(factories.bob(), factories.alice())
    grant = rows.grant(segment, factories.role("accountant"), reason="books")
    assert changes.state_of(segment, relations=["grants"]) == {
        "slug": "finance",
        "name": "Finance",
        "description": "",
        "sensitivity": "moderate",
        "state": "enforced",
        "assurance": "mfa",
        "reauth_after": "00:15:00",
        "allow_service_accounts": False,
        "networks": ["10.0.0.0/8"],
        "hours": None,
        "built_in": False,
        "owners": ["user:alice", "user:bob"],
        f"grants:{grant.pk}": {
            "role": "role:accountant",
            "user": None,
            "service_account": None,
            "actions": ["read"],
            "networks": [],
            "hours": None,
            "not_before": None,
            "expires_at": None,
            "reason": "books",
            "granted_by": None,
            "granted_at": grant.granted_at.isoformat(),
        },
    }


def test_what_is_left_out_and_bytes_are_not_in_it() -> None:
    device = factories.app(factories.alice(enrolled=False))
    assert "key_encrypted" not in changes.state_of(device)
    assert "name" in changes.state_of(device)
    assert "name" not in changes.state_of(device, without=["name"])


def test_names() -> None:
    finance = rows.segment("finance")
    flow = Flow.objects.create(source=finance, target=finance, ports=["tcp/1"])
    named = [
        factories.alice(),
        ServiceAccount(name="batch"),
        finance,
        factories.role("r"),
        Group(name="Help desk"),
        flow,
    ]
    assert [changes.name_of(row) for row in named] == [
        "user:alice",
        "service:batch",
        "segment:finance",
        "role:r",
        "group:Help desk",
        f"flow:{flow.pk}",
    ]


@pytest.mark.parametrize(
    ("before", "after", "old", "new"),
    [
        ({}, {}, {}, {}),
        ({"a": 1}, {"a": 1}, {}, {}),
        ({"a": 1}, {"a": 2}, {"a": 1}, {"a": 2}),
        ({"a": 1, "b": 1}, {"a": 1}, {"b": 1}, {}),
        ({"a": None}, {}, {"a": None}, {}),
        ({}, {"a": None}, {}, {"a": None}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": [1, 2]}, {"a": [2, 1]}),
    ],
)
def test_what_differs(before: Any, after: Any, old: Any, new: Any) -> None:
    assert changes.difference(before, after) == (old, new)


def test_a_mark_is_the_same_for_the_same_state_alone() -> None:
    assert changes.mark({"a": 1, "b": 2}) == changes.mark({"b": 2, "a": 1})
    assert changes.mark({"a": 1}) != changes.mark({"a": "1"})
    assert len(changes.mark({})) == 64


def test_nothing_that_differs_is_nothing_to_record() -> None:
    assert changes.record(kind="policy.changed", actor="a", subject="s", before={"x": 1}, after={"x": 1}) == []
    assert not Entry.objects.exists()


def test_one_entry_with_the_reason() -> None:
    changes.record(
        kind="policy.changed", actor="a", subject="s", before={"x": 1, "y": 1}, after={"x": 2, "y": 1}, reason="r"
    )
    entry = Entry.objects.get()
    assert (entry.kind, entry.actor, entry.subject, entry.data) == (
        "policy.changed",
        "a",
        "s",
        {"before": {"x": 1}, "after": {"x": 2}, "reason": "r"},
    )


def test_what_is_too_long_for_one_entry_comes_in_parts_and_long_texts_are_cut() -> None:
    before = {f"row{number:03}": {"reason": "😀" * 1500} for number in range(12)}
    after = {"text": "x" * 5000}
    entries = changes.record(kind="policy.changed", actor="a", subject="s", before=before, after=after)
    assert [entry.data["part"] for entry in entries] == [
        f"{number} of {len(entries)}" for number in range(1, len(entries) + 1)
    ]
    found: dict[str, Any] = {}
    for entry in entries:
        found |= entry.data["before"]
    assert found == before
    assert entries[-1].data["after"] == {"text": "x" * 2000 + "… (5000 characters)"}
