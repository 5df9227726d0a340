"""Tokens of service accounts in the admin: the table, and the pages on which they are issued, rotated and revoked."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import Permission
from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts import tokens
from accounts.models import Role, RoleAssignment, ServiceAccount, ServiceToken, Session, User
from audit.models import Entry
from tests import factories
from tests.staff_cast import signed_in, staff

pytestmark = pytest.mark.django_db

ISSUE = {"days": "90", "networks": "10.0.0.0/8", "reason": "nightly run"}
ROTATE = {"days": "90", "hours": "24", "reason": "yearly"}
REVOKE = {"reason": "leaked"}
TEXT = re.compile(r"zts_[0-9A-Za-z]{39}")


@pytest.fixture
def batch(db: None) -> ServiceAccount:
    return ServiceAccount.objects.create(name="billing-batch")


@pytest.fixture
def issuer(db: None) -> Client:
    """Staff who may issue tokens and see service accounts, and nothing else."""
    person = staff("ivy")
    person.user_permissions.set(
        Permission.objects.filter(codename__in=["add_servicetoken", "view_serviceaccount"]),
    )
    return signed_in(person)


def issued(account: ServiceAccount, **options: Any) -> tuple[ServiceToken, str]:
    return tokens.issue(account=account, expires_at=timezone.now() + timedelta(days=30), **options)


def page(account: ServiceAccount) -> str:
    return reverse("admin:accounts_serviceaccount_change", args=[account.pk])


def act(what: str, row: ServiceAccount | ServiceToken) -> str:
    ids = [row.pk] if isinstance(row, ServiceAccount) else [row.service_account_id, row.pk]
    return reverse(f"admin:accounts_serviceaccount_{what}_token", args=ids)


def entries(kind: str) -> list[tuple[str, str, str]]:
    found = Entry.objects.filter(kind=kind).order_by("pk")
    return [(entry.actor, entry.subject, entry.data["reason"]) for entry in found]


class TestTable:
    def test_says_all_but_the_token(self, auditor: Client, batch: ServiceAccount, carol: User) -> None:
        token, text = issued(batch, by=carol, networks=["10.0.0.0/8"])
        ServiceToken.objects.update(last_used_at=timezone.now(), last_used_address="10.1.2.3")
        shown = auditor.get(page(batch)).content.decode()
        for part in (token.hint, "user:carol", "10.0.0.0/8", "10.1.2.3", "good"):
            assert part in shown
        assert text not in shown
        assert token.key_hash not in shown
        assert "Rotate…" not in shown
        assert "Issue a token…" not in shown

    def test_acts_are_offered_where_they_are_possible(self, administrator: Client, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        shown = administrator.get(page(batch)).content.decode()
        assert {act(what, token) in shown for what in ("rotate", "revoke")} == {True}
        assert act("issue", batch) in shown
        tokens.revoke(token=token)
        shown = administrator.get(page(batch)).content.decode()
        assert {act(what, token) in shown for what in ("rotate", "revoke")} == {False}
        assert "revoked" in shown

    def test_an_account_that_is_not_active_has_its_tokens_revoked_and_gets_none(
        self, administrator: Client, batch: ServiceAccount
    ) -> None:
        token, _ = issued(batch)
        ServiceAccount.objects.update(is_active=False)
        shown = administrator.get(page(batch)).content.decode()
        offered = [act("issue", batch) in shown, act("rotate", token) in shown, act("revoke", token) in shown]
        assert offered == [False, False, True]

    def test_what_is_good_comes_first_and_the_rest_is_cut(self, auditor: Client, batch: ServiceAccount) -> None:
        good, _ = issued(batch)
        for _number in range(51):
            tokens.revoke(token=issued(batch)[0])
        shown = auditor.get(page(batch)).content.decode()
        assert "The first 50 are shown." in shown
        assert re.findall(r"zts_\w{6}", shown)[0] == good.hint

    def test_not_to_those_who_may_not_see_tokens(self, batch: ServiceAccount) -> None:
        person = staff("vera")
        person.user_permissions.set(Permission.objects.filter(codename="view_serviceaccount"))
        token, _ = issued(batch)
        client = signed_in(person)
        assert token.hint not in client.get(page(batch)).content.decode()
        person.user_permissions.add(Permission.objects.get(codename="view_servicetoken"))
        assert token.hint in client.get(page(batch)).content.decode()


class TestIssue:
    def test_asks_first(self, administrator: Client, batch: ServiceAccount) -> None:
        answer = administrator.get(act("issue", batch))
        shown = answer.content.decode()
        assert answer.status_code == 200
        assert "Whoever has the token is taken for this account" in shown
        assert not ServiceToken.objects.exists()

    def test_is_told_once_and_kept_nowhere(self, administrator: Client, batch: ServiceAccount, carol: User) -> None:
        answer = administrator.post(act("issue", batch), ISSUE)
        shown = answer.content.decode()
        (text,) = set(TEXT.findall(shown))
        assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
        assert 'data-copy="token"' in shown
        assert tokens.find(text, None, timezone.now()) is None  # outside its networks
        token = ServiceToken.objects.get(key_hash=tokens.key_hash(text))
        assert (token.created_by, token.networks) == (carol, ["10.0.0.0/8"])
        assert timedelta(days=89) < token.expires_at - timezone.now() <= timedelta(days=90)
        assert entries("service_token.issued") == [("user:carol", "service:billing-batch", "nightly run")]
        assert list(get_messages(answer.wsgi_request)) == []
        written = [str(list(model.objects.values())) for model in (Session, LogEntry, Entry)]
        assert text not in "".join(written)
        for path in (page(batch), act("issue", batch), "/admin/"):
            assert text not in administrator.get(path).content.decode()

    @pytest.mark.parametrize(
        ("change", "error"),
        [
            ({"days": "0"}, "greater than or equal to 1"),
            ({"days": "367"}, "less than or equal to 366"),
            ({"days": "9" * 5000}, "Enter a whole number"),
            ({"days": "x"}, "Enter a whole number"),
            ({"days": ""}, "This field is required"),
            ({"reason": ""}, "This field is required"),
            ({"reason": "x" * 251}, "at most 250 characters"),
            ({"reason": "\0"}, "Null characters are not allowed"),
            ({"networks": "10.0.0.1/8"}, "has host bits set"),
        ],
    )
    def test_bad_input_is_said(
        self, administrator: Client, batch: ServiceAccount, change: dict[str, str], error: str
    ) -> None:
        answer = administrator.post(act("issue", batch), ISSUE | change)
        assert answer.status_code == 200
        assert error in answer.content.decode()
        assert not ServiceToken.objects.exists()

    @pytest.mark.parametrize("days", ["1", "366"])
    def test_lifetimes_at_the_edge(self, administrator: Client, batch: ServiceAccount, days: str) -> None:
        answer = administrator.post(act("issue", batch), ISSUE | {"days": days, "networks": ""})
        assert TEXT.search(answer.content.decode())

    def test_not_without_the_permission(
        self, auditor: Client, help_desk: Client, administrator: Client, batch: ServiceAccount
    ) -> None:
        for client in (auditor, help_desk):
            assert client.get(act("issue", batch)).status_code == 403
            assert client.post(act("issue", batch), ISSUE).status_code == 403
        assert not ServiceToken.objects.exists()
        assert administrator.post(act("issue", batch), ISSUE).status_code == 200
        assert ServiceToken.objects.count() == 1

    def test_not_for_an_account_that_is_not_active(self, administrator: Client, batch: ServiceAccount) -> None:
        ServiceAccount.objects.update(is_active=False)
        answer = administrator.post(act("issue", batch), ISSUE)
        assert answer.status_code == 403
        assert "The account is not active" in answer.content.decode()
        assert not ServiceToken.objects.exists()

    def test_not_for_nobody(self, administrator: Client) -> None:
        for pk in (999, 10**30):
            path = f"/admin/accounts/serviceaccount/{pk}/tokens/issue/"
            assert (administrator.get(path).status_code, administrator.post(path, ISSUE).status_code) == (404, 404)


class TestWhoMay:
    """Whoever is told a token could be the account."""

    def issues(self, client: Client, account: ServiceAccount) -> bool:
        answer = client.post(act("issue", account), ISSUE)
        return answer.status_code == 200 and TEXT.search(answer.content.decode()) is not None

    @pytest.mark.parametrize(
        ("window", "expected"),
        [
            (None, True),
            ({}, False),
            ({"not_before": timedelta(days=1)}, False),
            ({"expires_at": timedelta(days=1)}, False),
            ({"expires_at": timedelta(days=-1)}, True),
            ({"revoked_at": timedelta(days=-1)}, True),
        ],
    )
    def test_a_role_is_given_away_by_those_who_may_give_roles(
        self, issuer: Client, batch: ServiceAccount, window: dict[str, timedelta] | None, expected: bool
    ) -> None:
        if window is not None:
            fields = {name: timezone.now() + step for name, step in window.items()}
            factories.assignment(batch, factories.role("accountant"), **fields)
        assert self.issues(issuer, batch) is expected
        User.objects.get(username="ivy").user_permissions.add(Permission.objects.get(codename="add_roleassignment"))
        assert self.issues(issuer, batch) is True

    def test_the_role_of_administrators_by_those_who_hold_it(self, issuer: Client, batch: ServiceAccount) -> None:
        ivy, role = User.objects.get(username="ivy"), Role.objects.get(slug=Role.ADMINISTRATOR)
        ivy.user_permissions.add(Permission.objects.get(codename="add_roleassignment"))
        factories.assignment(batch, role)
        assert self.issues(issuer, batch)
        # the administration opens to her through another role now, but this one is not hers to give
        opener = factories.role("opener")
        role.grants.update(role=opener)
        factories.assignment(ivy, opener)
        RoleAssignment.objects.filter(user=ivy, role=role).update(revoked_at=timezone.now())
        assert not self.issues(issuer, batch)

    def test_rotating_is_telling_too_and_revoking_is_not(self, issuer: Client, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        factories.assignment(batch, factories.role("accountant"))
        answer = issuer.post(act("rotate", token), ROTATE)
        assert answer.status_code == 403
        assert "The account holds the role “Accountant”" in answer.content.decode()
        assert issuer.post(act("revoke", token), REVOKE).status_code == 302


class TestRotate:
    def test_the_new_one_is_told_and_both_are_good(self, administrator: Client, batch: ServiceAccount) -> None:
        token, old = issued(batch)
        assert administrator.get(act("rotate", token)).status_code == 200
        answer = administrator.post(act("rotate", token), ROTATE)
        (new,) = set(TEXT.findall(answer.content.decode()))
        now = timezone.now()
        assert [tokens.find(text, None, now) for text in (old, new)] == [batch, batch]
        later = now + timedelta(hours=25)
        assert [tokens.find(text, None, later) for text in (old, new)] == [None, batch]
        assert entries("service_token.rotated") == [("user:carol", "service:billing-batch", "yearly")]

    @pytest.mark.parametrize("hours", ["-1", "721", "x", ""])
    def test_bad_input_is_said(self, administrator: Client, batch: ServiceAccount, hours: str) -> None:
        token, _ = issued(batch)
        answer = administrator.post(act("rotate", token), ROTATE | {"hours": hours})
        assert (answer.status_code, "errorlist" in answer.content.decode()) == (200, True)
        assert ServiceToken.objects.count() == 1

    def test_not_twice(self, administrator: Client, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        assert administrator.post(act("rotate", token), ROTATE).status_code == 200
        answer = administrator.post(act("rotate", token), ROTATE)
        assert answer.status_code == 403
        assert ServiceToken.objects.count() == 2


class TestRevoke:
    def test_ends_it(self, administrator: Client, batch: ServiceAccount) -> None:
        token, text = issued(batch)
        assert administrator.get(act("revoke", token)).status_code == 200
        assert tokens.find(text, None, timezone.now()) == batch
        answer = administrator.post(act("revoke", token), REVOKE)
        assert (answer.status_code, answer.headers["Location"]) == (302, page(batch))
        assert tokens.find(text, None, timezone.now()) is None
        assert entries("service_token.revoked") == [("user:carol", "service:billing-batch", "leaked")]

    def test_not_without_a_reason_nor_twice(self, administrator: Client, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        assert administrator.post(act("revoke", token), {}).status_code == 200
        assert administrator.post(act("revoke", token), REVOKE).status_code == 302
        assert administrator.post(act("revoke", token), REVOKE).status_code == 403
        assert len(entries("service_token.revoked")) == 1

    def test_not_under_the_name_of_another_account(self, administrator: Client, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        other = ServiceAccount.objects.create(name="other")
        path = reverse("admin:accounts_serviceaccount_revoke_token", args=[other.pk, token.pk])
        assert administrator.post(path, REVOKE).status_code == 404
        assert administrator.post(act("revoke", token), REVOKE).status_code == 302

    def test_not_without_the_permission(self, auditor: Client, batch: ServiceAccount) -> None:
        token, _ = issued(batch)
        assert auditor.post(act("revoke", token), REVOKE).status_code == 403
        token.refresh_from_db()
        assert token.revoked_at is None


def test_no_act_without_the_mark_against_forgery(carol: User, batch: ServiceAccount) -> None:
    client = factories.browser(enforce_csrf_checks=True)
    trusting = signed_in(carol)
    client.cookies = trusting.cookies
    assert client.post(act("issue", batch), ISSUE).status_code == 403
    assert not ServiceToken.objects.exists()
