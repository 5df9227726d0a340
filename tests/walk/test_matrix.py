"""Every address × everybody × every method, against a golden table that is read in review.

After a change that is meant: `WRITE_GOLDEN=1 pytest tests/walk/test_matrix.py`, then read the difference.
"""

import os
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from django.apps import apps
from django.contrib.auth.models import Group
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts import tokens
from accounts.models import ServiceAccount, ServiceToken, User
from audit import ledger
from segments.models import Flow, Guardrail
from tests import factories
from tests.segments import rows

pytestmark = [pytest.mark.django_db, pytest.mark.slow, pytest.mark.long]

GOLDEN = Path(__file__).resolve().parents[1] / "golden" / "matrix.txt"
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")
ADMIN_METHODS = ("GET", "POST", "DELETE", "TRACE")  # to Django's admin a method is POST, or it is not
KINDS = ("nobody", "password only", "user", "staff", "administrator")
ARGUMENT = re.compile(r"<(?:\w+:)?(\w+)>|\(\?P<(\w+)>[^()]*(?:\([^()]*\)[^()]*)*\)")
ANONYMOUS = re.compile(r"(livez|readyz|accounts:(login|verify|recovery|enrol|codes|logout)|segments:jwks|admin:login)$")


def addresses() -> Iterator[tuple[str, str]]:
    """Every URL pattern as (view name, path), its arguments filled with things that exist."""
    yield from sorted(set(_addresses(get_resolver().url_patterns, "/", "")))


def _addresses(patterns: list[URLPattern | URLResolver], path: str, names: str) -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = path + str(pattern.pattern).removeprefix("^").removesuffix("$").removesuffix("\\Z")
        if isinstance(pattern, URLResolver):
            yield from _addresses(
                pattern.url_patterns, route, f"{names}{pattern.namespace}:" if pattern.namespace else names
            )
        else:
            yield (
                f"{names}{pattern.name or 'unnamed'}",
                ARGUMENT.sub(lambda found, route=route: sample(found[1] or found[2], route), route),
            )


def sample(argument: str, route: str) -> str:
    """A value for a URL argument. Objects of the admin: the first row of the model in the route."""
    if argument in {"object_id", "pk", "id"} and (found := re.match(r"/admin/(\w+)/(\w+)/", route)):
        return str(apps.get_model(found[1], found[2])._default_manager.values_list("pk", flat=True).first())
    if argument == "token_id":
        return str(ServiceToken.objects.values_list("pk", flat=True).first())
    known = {
        "slug": "finance",
        "pk": "1",
        "key_hash": "0" * 64,
        "app_label": "segments",
        "url": "nothing",
        "content_type_id": "1",
    }
    return known.get(argument, "1")


@pytest.fixture
def cast() -> dict[str, Client]:
    finance = rows.segment("finance")
    rows.web(finance, "ledger.example.test")
    rows.grant(finance, factories.role("accountant"))
    Flow.objects.create(source=finance, target=finance, ports=["tcp/5432"])
    Guardrail.objects.create(
        name="finance stays closed", expect="deny", question={"any_user": True, "segment": "finance"}
    )
    Group.objects.get_or_create(name="Auditors")
    batch = ServiceAccount.objects.create(name="billing-batch")
    tokens.issue(account=batch, expires_at=timezone.now() + timedelta(days=1))
    ledger.record(kind="sign_out")
    clients = {kind: Client() for kind in KINDS}
    factories.enter_password(clients["password only"], factories.user("pat"))
    factories.sign_in(clients["user"], factories.alice())
    factories.sign_in(clients["staff"], factories.carol())
    factories.sign_in(clients["administrator"], factories.sam())
    return clients


def outcome(client: Client, method: str, path: str) -> str:
    """Status and where it leads. What the request changed is undone, and the client stays as it was."""
    alone = Client(HTTP_ACCEPT="text/html", raise_request_exception=True)
    alone.cookies = client.cookies.copy()
    with transaction.atomic():
        answer = alone.generic(method, path, content_type="application/x-www-form-urlencoded")
        transaction.set_rollback(True)
    target = answer.headers.get("Location", "").partition("?")[0]
    return f"{answer.status_code}{f'→{target}' if target else ''}"


def row(client: Client, path: str) -> str:
    """The outcomes of one address for one kind of person, methods with the same outcome together."""
    groups: dict[str, list[str]] = {}
    methods_asked = ADMIN_METHODS if path.startswith("/admin/") else METHODS
    for method in methods_asked:
        groups.setdefault(outcome(client, method, path), []).append(method)
    return "  ".join(
        f"{found} {'*' if len(methods) == len(methods_asked) else ','.join(methods)}"
        for found, methods in groups.items()
    )


def stable(path: str) -> str:
    """The path without numbers that depend on the run."""
    return re.sub(r"/\d+(?=/)|/[0-9a-f]{64}(?=/)", "/#", path)


def test_every_address_answers_everybody_as_agreed(cast: dict[str, Client]) -> None:
    lines = []
    for name, path in addresses():
        lines.append(f"{name}  {stable(path)}")
        found = {kind: stable(row(cast[kind], path)) for kind in KINDS}
        lines += [f"    {kind:15}{outcomes}" for kind, outcomes in found.items()]
        if not ANONYMOUS.search(name):
            assert not re.search(r"\b2\d\d\b", found["nobody"] + found["password only"]), (
                f"{name} is open to the unverified"
            )
        if name.startswith("admin:") and not ANONYMOUS.search(name):
            assert not re.search(r"\b2\d\d\b", found["user"]), f"{name} is open to somebody who is not staff"
        assert "500" not in str(found), f"{name} fails"
    text = "\n".join(lines) + "\n"
    if os.environ.get("WRITE_GOLDEN"):
        GOLDEN.write_text(text)
    assert text == GOLDEN.read_text()


def test_the_table_is_about_people_who_can_sign_in(cast: dict[str, Client]) -> None:
    """Otherwise every refusal above would prove nothing."""
    assert {kind for kind in KINDS if cast[kind].get("/", HTTP_ACCEPT="text/html").status_code == 200} == {
        "user", "staff", "administrator",
    }  # fmt: skip
    assert User.objects.count() == 4
