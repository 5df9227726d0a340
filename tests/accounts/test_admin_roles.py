"""Roles, role assignments and service accounts in the admin."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import Role, RoleAssignment, ServiceAccount, User
from audit.models import Entry
from segments.models import Segment
from tests import factories
from tests.page_forms import add_row, errors, open_form, save
from tests.segments import rows

pytestmark = pytest.mark.django_db

ASSIGNMENTS = "/admin/accounts/roleassignment/"


@pytest.fixture
def alice() -> User:
    return factories.alice()


@pytest.fixture
def accountant() -> Role:
    return factories.role("accountant")


def page(row: Any, what: str = "change") -> str:
    return reverse(f"admin:accounts_{row._meta.model_name}_{what}", args=[row.pk])


def entries(kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(found.actor, found.subject, found.data) for found in Entry.objects.filter(kind=kind).order_by("pk")]


def revoke(client: Client, *held: RoleAssignment) -> Any:
    chosen = [assignment.pk for assignment in held]
    data = {"action": "revoke", "_selected_action": chosen, "confirmed": "yes", "reason": "left"}
    return client.post(ASSIGNMENTS, data)


class TestRoles:
    def test_the_list_says_how_many_hold_it(self, superuser: Client, alice: User, accountant: Role) -> None:
        factories.assignment(alice, accountant)
        factories.assignment(factories.bob(), accountant, revoked_at=timezone.now())
        factories.assignment(factories.dave(), accountant, expires_at=timezone.now() - timedelta(days=1))
        found = superuser.get("/admin/accounts/role/").context["cl"].result_list
        assert {role.slug: role.held_by for role in found} == {"accountant": 1, "administrator": 1, "everybody": 0}

    def test_adding_and_changing_are_in_the_ledger(self, administrator: Client) -> None:
        answer = save(administrator, "/admin/accounts/role/add/", "role", name="Auditor", slug="auditor")
        assert answer.status_code == 302
        role = Role.objects.get(slug="auditor")
        assert save(administrator, page(role), "role", description="Reads books").status_code == 302
        new = {"slug": "auditor", "name": "Auditor", "description": "", "built_in": False}
        assert entries("policy.changed") == [
            ("user:carol", "role:auditor", {"before": {}, "after": new}),
            (
                "user:carol",
                "role:auditor",
                {"before": {"description": ""}, "after": {"description": "Reads books"}},
            ),
        ]

    def test_what_is_built_in_keeps_its_name_and_stays(self, superuser: Client) -> None:
        for slug in (Role.EVERYBODY, Role.ADMINISTRATOR):
            role = Role.objects.get(slug=slug)
            save(superuser, page(role), "role", slug="other", name="Other", description="other")
            assert superuser.post(page(role, "delete"), {"post": "yes"}).status_code == 403
            superuser.post(
                "/admin/accounts/role/", {"action": "delete_selected", "_selected_action": role.pk, "post": "y"}
            )
            assert Role.objects.values("slug", "name", "description").get(pk=role.pk) == {
                "slug": role.slug,
                "name": role.name,
                "description": role.description,
            }

    def test_another_role_is_deleted_with_its_state_in_the_ledger(self, superuser: Client, accountant: Role) -> None:
        assert superuser.post(page(accountant, "delete"), {"post": "yes"}).status_code == 302
        assert not Role.objects.filter(slug="accountant").exists()
        before = {"slug": "accountant", "name": "Accountant", "description": "", "built_in": False}
        data = {"before": before, "after": {}}
        assert entries("policy.changed") == [("user:sam", "role:accountant", data)]

    def test_deleting_many_is_in_the_ledger_too(self, superuser: Client, accountant: Role) -> None:
        chosen = [accountant.pk, factories.role("auditor").pk]
        data = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}
        assert superuser.post("/admin/accounts/role/", data).status_code == 302
        assert [(actor, subject, data["after"]) for actor, subject, data in entries("policy.changed")] == [
            ("user:sam", "role:accountant", {}),
            ("user:sam", "role:auditor", {}),
        ]

    def test_a_role_that_was_held_stays_as_a_record(self, superuser: Client, alice: User, accountant: Role) -> None:
        factories.assignment(alice, accountant, revoked_at=timezone.now())
        answer = superuser.post(page(accountant, "delete"), {"post": "yes"})
        assert "would require deleting the following protected related objects" in answer.content.decode()
        assert Role.objects.filter(slug="accountant").exists()

    def test_access_administrators_delete_none(self, administrator: Client, accountant: Role) -> None:
        assert administrator.post(page(accountant, "delete"), {"post": "yes"}).status_code == 403

    def test_given_on_its_page_to_a_person_and_a_system(
        self, administrator: Client, alice: User, accountant: Role
    ) -> None:
        batch = ServiceAccount.objects.create(name="billing-batch")
        data = open_form(administrator, page(accountant), "role")
        data = add_row(data, "assignments-2", user=str(alice.pk), reason="joined")
        data = add_row(data, "assignments-2", service_account=str(batch.pk))
        assert administrator.post(page(accountant), data).status_code == 302
        assert {assignment.holder.subject_id for assignment in accountant.assignments.all()} == {
            "user:alice",
            "service:billing-batch",
        }
        assert [subject for _actor, subject, _data in entries("role.granted")] == [
            "user:alice",
            "service:billing-batch",
        ]

    def test_holders_are_shown_and_revoked_on_its_page(
        self, administrator: Client, alice: User, accountant: Role
    ) -> None:
        held = factories.assignment(alice, accountant, reason="since ever")
        text = administrator.get(page(accountant)).content.decode()
        assert "user:alice" in text
        assert "since ever" in text
        assert save(administrator, page(accountant), "role", assignments__0__revoke="on").status_code == 302
        held.refresh_from_db()
        assert held.revoked_at is not None

    def test_nobody_gives_it_to_themselves_there(self, administrator: Client, carol: User, accountant: Role) -> None:
        data = open_form(administrator, page(accountant), "role")
        answer = administrator.post(page(accountant), add_row(data, "assignments-2", user=str(carol.pk)))
        assert errors(answer) == ["Nobody gives a role to themselves: ask another administrator."]
        assert not RoleAssignment.objects.filter(role=accountant).exists()

    def test_neither_a_person_nor_a_system_is_refused(self, administrator: Client, accountant: Role) -> None:
        data = open_form(administrator, page(accountant), "role")
        answer = administrator.post(page(accountant), add_row(data, "assignments-2", reason="for whom?"))
        assert errors(answer) == ["Choose either a user or a service account."]

    def test_everybody_is_given_to_nobody(self, superuser: Client, alice: User) -> None:
        everybody = Role.objects.get(slug=Role.EVERYBODY)
        assert "assignments-2-TOTAL_FORMS" not in open_form(superuser, page(everybody), "role")
        answer = superuser.post(f"{ASSIGNMENTS}add/", {"role": everybody.pk, "user": alice.pk})
        assert errors(answer) == ["Everybody who is signed in has this role already."]


class TestRoleAssignments:
    def test_given_on_a_page_of_its_own(self, administrator: Client, alice: User, accountant: Role) -> None:
        form = {"role": str(accountant.pk), "user": str(alice.pk), "reason": "joined"}
        assert save(administrator, f"{ASSIGNMENTS}add/", "roleassignment", **form).status_code == 302
        held = RoleAssignment.objects.get(role=accountant)
        assert (held.user, held.granted_by and held.granted_by.username, held.reason) == (alice, "carol", "joined")
        assert len(entries("role.granted")) == 1
        assert entries("policy.changed") == []

    @pytest.mark.parametrize("who", ["carol", "sam"])
    def test_not_to_oneself(self, administrator: Client, superuser: Client, accountant: Role, who: str) -> None:
        client = {"carol": administrator, "sam": superuser}[who]
        own = User.objects.get(username=who)
        answer = client.post(f"{ASSIGNMENTS}add/", {"role": accountant.pk, "user": own.pk})
        assert errors(answer) == ["Nobody gives a role to themselves: ask another administrator."]
        assert not RoleAssignment.objects.filter(role=accountant).exists()

    def test_the_role_of_administrators_is_given_by_those_who_hold_it(
        self, administrator: Client, carol: User, alice: User
    ) -> None:
        role = Role.objects.get(slug=Role.ADMINISTRATOR)
        form = {"role": role.pk, "user": alice.pk}
        # held through another role, the administration is open to her, but it is not hers to give
        opener = factories.role("opener")
        rows.grant(segment_of_administration(), opener, actions=["read", "write"])
        factories.assignment(carol, opener)
        held = RoleAssignment.objects.get(user=carol, role=role)
        held.revoked_at = timezone.now()
        held.save()
        answer = administrator.post(f"{ASSIGNMENTS}add/", form)
        assert errors(answer) == ["The role “Administrator” opens the administration: only those who hold it give it."]
        held.revoked_at = None
        held.save()
        assert administrator.post(f"{ASSIGNMENTS}add/", form).status_code == 302

    def test_what_is_given_cannot_be_edited_or_deleted(self, superuser: Client, alice: User, accountant: Role) -> None:
        held = factories.assignment(alice, accountant)
        assert superuser.get(page(held)).status_code == 200
        assert superuser.post(page(held), {"role": accountant.pk, "user": alice.pk, "reason": "x"}).status_code == 403
        assert superuser.post(page(held, "delete"), {"post": "yes"}).status_code == 403
        held.refresh_from_db()
        assert held.reason == ""

    def test_revoked_in_the_list(self, administrator: Client, alice: User, accountant: Role) -> None:
        held = factories.assignment(alice, accountant)
        assert revoke(administrator, held).status_code == 302
        held.refresh_from_db()
        assert (held.revoked_at is not None, held.revoked_by and held.revoked_by.username) == (True, "carol")
        (actor, subject, data) = entries("role.revoked")[0]
        assert (actor, subject, data["role"], data["reason"]) == ("user:carol", "user:alice", "accountant", "left")

    def test_not_twice(self, administrator: Client, alice: User, accountant: Role) -> None:
        held = factories.assignment(alice, accountant, revoked_at=timezone.now())
        assert "This role is already revoked." in revoke(administrator, held).content.decode()
        assert entries("role.revoked") == []

    def test_not_without_the_permission(self, auditor: Client, alice: User, accountant: Role) -> None:
        held = factories.assignment(alice, accountant)
        revoke(auditor, held)
        held.refresh_from_db()
        assert held.revoked_at is None

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("state=active", {"active"}),
            ("state=not-begun", {"later"}),
            ("state=expired", {"over"}),
            ("state=revoked", {"gone"}),
            ("q=later", {"later"}),
            ("q=nobody", set()),
        ],
    )
    def test_filters(self, auditor: Client, alice: User, query: str, found: set[str]) -> None:
        now, day = timezone.now(), timedelta(days=1)
        RoleAssignment.objects.update(revoked_at=now, reason="gone")  # what audrey needs is given anew
        factories.assignment(
            User.objects.get(username="audrey"), Role.objects.get(slug=Role.ADMINISTRATOR), reason="active"
        )
        factories.assignment(alice, factories.role("a"), reason="active")
        factories.assignment(alice, factories.role("b"), reason="later", not_before=now + day)
        factories.assignment(alice, factories.role("c"), reason="over", expires_at=now - day)
        answer = auditor.get(f"{ASSIGNMENTS}?{query}")
        assert {assignment.reason for assignment in answer.context["cl"].result_list} == found


class TestServiceAccounts:
    def test_networks_a_line_each(self, administrator: Client) -> None:
        form = {"name": "billing-batch", "networks": "10.20.0.0/16\n2001:db8::/32"}
        answer = save(administrator, "/admin/accounts/serviceaccount/add/", "serviceaccount", **form)
        assert answer.status_code == 302
        assert ServiceAccount.objects.values_list("name", "networks").get() == (
            "billing-batch",
            ["10.20.0.0/16", "2001:db8::/32"],
        )
        (actor, subject, data) = entries("account.changed")[0]
        assert (actor, subject, data["after"]["name"]) == ("user:carol", "service:billing-batch", "billing-batch")

    def test_what_is_no_network_is_said_and_stays_typed(self, administrator: Client) -> None:
        form = {"name": "billing-batch", "networks": "10.20.0.1/16\nnonsense"}
        answer = save(administrator, "/admin/accounts/serviceaccount/add/", "serviceaccount", **form)
        assert errors(answer) == [
            "“10.20.0.1/16” has host bits set: write 10.20.0.0/16.",
            "“nonsense” is not a network: write it as 10.0.0.0/8 or 2001:db8::/32.",
        ]
        assert "10.20.0.1/16\nnonsense</textarea>" in answer.content.decode()

    def test_deactivated_and_never_deleted(self, superuser: Client) -> None:
        batch = ServiceAccount.objects.create(name="billing-batch")
        assert superuser.post(page(batch, "delete"), {"post": "yes"}).status_code == 403
        assert save(superuser, page(batch), "serviceaccount", is_active=None, name="other").status_code == 302
        batch.refresh_from_db()
        assert (batch.name, batch.is_active) == ("billing-batch", False)

    def test_roles_on_its_page(self, administrator: Client, accountant: Role) -> None:
        batch = ServiceAccount.objects.create(name="billing-batch")
        data = open_form(administrator, page(batch), "serviceaccount")
        data = add_row(data, "role_assignments-2", role=str(accountant.pk))
        assert administrator.post(page(batch), data).status_code == 302
        assert [subject for _actor, subject, _data in entries("role.granted")] == ["service:billing-batch"]


class TestGroups:
    def test_seen_by_auditors_changed_by_superusers(
        self, auditor: Client, superuser: Client, administrator: Client
    ) -> None:
        path = reverse("admin:auth_group_change", args=[User.objects.get(username="audrey").groups.get().pk])
        assert auditor.get(path).context["has_change_permission"] is False
        assert auditor.post(path, {"name": "x"}).status_code == 403
        assert administrator.get(path).status_code == 403
        assert save(superuser, path, "group", name="Reviewers").status_code == 302
        data = {"before": {"name": "Auditors"}, "after": {"name": "Reviewers"}}
        assert entries("account.changed") == [("user:sam", "group:Reviewers", data)]


def segment_of_administration() -> Any:
    return Segment.objects.get(slug=Segment.ADMINISTRATION)
