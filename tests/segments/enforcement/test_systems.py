"""Systems behind a proxy: let in by their token where the segment allows it, and nowhere on the portal."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts import tokens
from accounts.models import RoleAssignment, ServiceAccount, ServiceToken, User
from audit.models import Entry
from segments.enforcement import forward_auth
from segments.enforcement.answers import Answer
from segments.enforcement.proxies import Family
from segments.models import Grant, Segment
from tests import factories
from tests.segments import rows
from tests.segments.enforcement.asking_proxies import HOST, received

pytestmark = pytest.mark.django_db

Ask = Callable[..., Answer]


@pytest.fixture
def account(tls: Settings) -> ServiceAccount:
    account = ServiceAccount.objects.create(name="billing-batch", networks=["10.20.0.0/16"])
    RoleAssignment.objects.create(role=factories.role("reader"), service_account=account)
    for slug, allowed in (("public", True), ("people-only", False)):
        segment = rows.segment(slug, allow_service_accounts=allowed)
        rows.web(segment, HOST, f"/{slug}")
        rows.grant(segment, factories.role("reader"))
    return account


@pytest.fixture
def token(account: ServiceAccount) -> str:
    return tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=1))[1]


@pytest.fixture
def ask(token: str) -> Ask:
    def asking(path: str = "/public/x", address: str = "10.20.3.4", authorization: str = "", **how: Any) -> Answer:
        headers = ("authorization", authorization or f"Bearer {token}"), ("x-forwarded-for", address)
        return forward_auth.answer(
            Family.TRAEFIK, received(Family.TRAEFIK, *headers, path=path, **how), peer="127.0.0.1", at=timezone.now()
        )

    return asking


def told(answer: Answer) -> tuple[int, str, str]:
    headers = dict(answer.headers)
    return answer.status, headers.get("x-zt-reason", ""), headers.get("www-authenticate", "")


INVALID = 'Bearer realm="ztproject", error="invalid_token"'
NOBODY = (401, "sign_in_required", INVALID)


def test_a_token_lets_its_system_in_where_the_segment_allows_it(ask: Ask) -> None:
    answer = ask()
    headers = dict(answer.headers)
    assert (answer.status, headers["remote-user"], headers["remote-groups"], headers["remote-email"]) == (
        200,
        "service:billing-batch",
        "reader",
        "",
    )
    assert headers["x-zt-assertion"].count(".") == 2
    assert Entry.objects.filter(kind="decision").latest("id").actor == "service:billing-batch"


def test_a_segment_for_people_does_not_let_it_in(ask: Ask) -> None:
    assert told(ask("/people-only/x")) == (403, "service_account_not_allowed", "")


def test_it_reads_and_does_not_write(ask: Ask) -> None:
    assert told(ask(method="POST")) == (403, "action_not_granted", "")


@pytest.mark.parametrize(
    ("address", "status"), [("10.20.255.255", 200), ("10.21.0.0", 401), ("::ffff:10.20.1.2", 200), ("unknown", 401)]
)
def test_it_is_bound_to_its_networks(ask: Ask, address: str, status: int) -> None:
    assert ask(address=address).status == status


def revoke(found: ServiceToken) -> None:
    tokens.revoke(token=found)


def expire(found: ServiceToken) -> None:
    ServiceToken.objects.filter(pk=found.pk).update(expires_at=timezone.now())


def take_the_role(_found: ServiceToken) -> None:
    RoleAssignment.objects.update(revoked_at=timezone.now())


def take_the_grant(_found: ServiceToken) -> None:
    Grant.objects.filter(segment__slug="public").delete()


def deactivate(found: ServiceToken) -> None:
    ServiceAccount.objects.filter(pk=found.service_account_id).update(is_active=False)


def quarantine(_found: ServiceToken) -> None:
    Segment.objects.filter(slug="public").update(state="quarantined")


@pytest.mark.parametrize(
    ("change", "answer"),
    [
        (revoke, NOBODY),
        (expire, NOBODY),
        (take_the_role, (403, "not_granted", "")),
        (take_the_grant, (403, "not_granted", "")),
        (deactivate, (403, "subject_disabled", "")),
        (quarantine, (403, "segment_quarantined", "")),
    ],
)
def test_what_is_taken_away_holds_on_the_very_next_request(
    ask: Ask, change: Callable[[ServiceToken], None], answer: tuple[int, str, str]
) -> None:
    assert ask().status == 200
    change(ServiceToken.objects.get())
    assert told(ask()) == answer


def test_a_rotated_token_works_beside_the_new_one(ask: Ask) -> None:
    until = timezone.now() + timedelta(days=1)
    _, new = tokens.rotate(token=ServiceToken.objects.get(), expires_at=until, overlap=timedelta(hours=1))
    assert (ask().status, ask(authorization=f"Bearer {new}").status) == (200, 200)


def test_its_last_use_is_kept(ask: Ask) -> None:
    ask(address="10.20.3.4")
    used = ServiceToken.objects.get()
    assert used.last_used_at is not None
    assert used.last_used_address == "10.20.3.4"


def test_credentials_of_an_application_are_not_ours_to_read(ask: Ask) -> None:
    assert told(ask(authorization="Basic YWxpY2U6eA=="))[:2] == (401, "sign_in_required")


@pytest.mark.parametrize("path", ["/", "/account/", "/segments/public/", "/admin/", "/admin/accounts/user/"])
def test_a_token_never_works_on_the_portal_or_the_admin(client: Client, token: str, path: str) -> None:
    """Not even for an account of that name that may do everything there."""
    factories.sam()
    User.objects.create_user("billing-batch", is_staff=True, is_superuser=True)
    RoleAssignment.objects.create(
        role=factories.role("administrator"), service_account=ServiceAccount.objects.get(name="billing-batch")
    )
    answer = client.get(path, HTTP_AUTHORIZATION=f"Bearer {token}", HTTP_ACCEPT="application/json", secure=True)
    assert (answer.status_code, answer.json()["reason"]) == (401, "sign_in_required")
