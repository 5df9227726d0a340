"""Each kind of staff before each page of the admin, against a golden table that is read in review.

Every list and every page to add, change and delete, and the history, is opened; `view` is a page that cannot be saved.
Then the same address is sent an empty form: 403 means that nothing was even looked at.

After a change that is meant: `WRITE_GOLDEN=1 pytest tests/security/test_admin_matrix.py`, then read the difference.
"""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tokens
from accounts.models import Role, RoleAssignment, ServiceAccount, User
from audit import ledger
from segments.models import Flow, Guardrail, Segment
from tests import factories
from tests.segments import rows
from tests.staff_cast import KINDS, signed_in

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.long]

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "admin_matrix.txt"
Things = list[tuple[str, Any]]


@pytest.fixture
def people() -> dict[str, User]:
    return {kind: make() for kind, make in KINDS.items()}


@pytest.fixture
def things(people: dict[str, User]) -> Things:
    """One row of everything that the admin shows, and each row that is treated otherwise."""
    finance = rows.segment("finance")
    rows.grant(finance, factories.role("accountant"))
    bob = factories.bob()
    held = factories.assignment(bob, factories.role("accountant"))
    revoked = factories.assignment(bob, factories.role("auditor"), revoked_at=held.granted_at)
    return [
        ("a person", bob),
        *((f"{kind}", person) for kind, person in people.items()),
        ("a role", factories.role("accountant")),
        ("role administrator", Role.objects.get(slug=Role.ADMINISTRATOR)),
        ("role everybody", Role.objects.get(slug=Role.EVERYBODY)),
        ("an assignment", held),
        ("a revoked one", revoked),
        ("an account", ServiceAccount.objects.create(name="batch")),
        ("a group", Group.objects.get(name="Help desk")),
        ("a segment", finance),
        ("segment portal", Segment.objects.get(slug=Segment.PORTAL)),
        ("segment administration", Segment.objects.get(slug=Segment.ADMINISTRATION)),
        ("a flow", Flow.objects.create(source=finance, target=finance, ports=["tcp/1"])),
        (
            "a guardrail",
            Guardrail.objects.create(name="g", expect="deny", question={"role": "x", "segment": "finance"}),
        ),
        ("an entry", ledger.record(kind="sign_out")),
    ]


def opened(client: Client, path: str) -> str:
    answer = client.get(path)
    if answer.status_code != 200:
        return str(answer.status_code)
    context = answer.context or {}
    if "adminform" in context:
        editable = context["has_change_permission"] if context["change"] else context["has_add_permission"]
        return "edit" if editable else "view"
    return "open"


def sent(client: Client, path: str) -> str:
    """What an empty form gets. Undone afterwards."""
    with transaction.atomic():
        answer = client.post(path, {})
        transaction.set_rollback(True)
    return str(answer.status_code)


def cell(client: Client, path: str) -> str:
    return f"{opened(client, path)}/{sent(client, path)}"


def address(model: Any, what: str, *args: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{what}", args=args)


def lines(clients: dict[str, Client], things: Things) -> Iterator[str]:
    yield f"{'':40}" + "".join(f"{kind:22}" for kind in clients)
    yield row("index", [cell(client, "/admin/") for client in clients.values()])
    for model in sorted(admin.site._registry, key=lambda model: model._meta.label_lower):
        for what in ("changelist", "add"):
            cells = [cell(client, address(model, what)) for client in clients.values()]
            yield row(f"{model._meta.model_name} {what}", cells)
        for name, thing in things:
            if type(thing) is model:
                for what in ("change", "delete", "history"):
                    cells = [cell(client, address(model, what, thing.pk)) for client in clients.values()]
                    yield row(f"{model._meta.model_name} {what}: {name}", cells)
    person = dict(things)["a person"]
    path = reverse("admin:auth_user_password_change", args=[person.pk])
    yield row("password of a person", [cell(client, path) for client in clients.values()])
    account = dict(things)["an account"]
    token, _text = tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=1))
    for what, ids in (("issue", [account.pk]), ("rotate", [account.pk, token.pk]), ("revoke", [account.pk, token.pk])):
        path = reverse(f"admin:accounts_serviceaccount_{what}_token", args=ids)
        yield row(f"token of an account: {what}", [cell(client, path) for client in clients.values()])


def row(name: str, cells: list[str]) -> str:
    return f"{name:40}" + "".join(f"{text:22}" for text in cells)


def test_every_kind_of_staff_sees_and_changes_what_was_agreed(people: dict[str, User], things: Things) -> None:
    clients = {kind: signed_in(person) for kind, person in people.items()}
    text = "\n".join(line.rstrip() for line in lines(clients, things)) + "\n"
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_every_model_of_the_admin_is_in_the_table(things: Things) -> None:
    assert {type(thing) for _name, thing in things} == set(admin.site._registry)
    assert RoleAssignment in admin.site._registry
