"""People in the admin: what is shown to whom, what is written, what is refused."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import RecoveryCodeDevice, Role, RoleAssignment, Session, TOTPDevice, User
from audit.models import Entry
from tests import factories
from tests.page_forms import add_row, errors, open_form, save
from tests.staff_cast import signed_in, staff

pytestmark = pytest.mark.django_db

LIST = "/admin/accounts/user/"
CONFLICT = (
    "Somebody else changed this after you opened the page, so nothing was saved. What you typed is still here: "
    "open the page anew in another tab, compare, and make your change there."
)


@pytest.fixture
def alice() -> User:
    return factories.alice(email="alice@example.test", roles=("accountant",))


def page(person: User) -> str:
    return reverse("admin:accounts_user_change", args=[person.pk])


def entries(kind: str) -> list[tuple[str, str, dict[str, Any]]]:
    return [(found.actor, found.subject, found.data) for found in Entry.objects.filter(kind=kind).order_by("pk")]


def act(client: Client, name: str, *people: User, reason: str | None = "INC-1") -> Any:
    """Choose an act in the list, and confirm it with a reason unless there is none."""
    data: dict[str, Any] = {"action": name, "_selected_action": [person.pk for person in people]}
    return client.post(LIST, data | ({"confirmed": "yes", "reason": reason} if reason is not None else {"index": "0"}))


def words(answer: Any) -> list[str]:
    """The messages that the next page shows."""
    return [str(message) for message in answer.wsgi_request._messages]


class TestWhatIsShown:
    def test_the_list_says_how_people_stand(self, superuser: Client, alice: User) -> None:
        factories.assignment(alice, factories.role("auditor"), revoked_at=timezone.now())
        text = superuser.get(LIST, {"q": "alice"}).content.decode()
        cells = [f'<td class="field-{name}">' for name in ("name", "standing", "roles", "is_staff")]
        assert all(cell in text for cell in cells)
        assert '<td class="field-roles">Accountant</td>' in text
        assert '<td class="field-standing">active</td>' in text

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("q=ali", {"alice"}),
            ("q=bob%40example", {"bob"}),
            ("standing=quarantined", {"bob"}),
            ("standing=deactivated", {"dave"}),
            ("standing=no-factor", {"nora"}),
            ("role=accountant", {"alice"}),
            ("is_staff__exact=1", {"sam"}),
        ],
    )
    def test_search_and_filters(self, superuser: Client, alice: User, query: str, found: set[str]) -> None:
        factories.bob(email="bob@example.test", quarantined_at=timezone.now())
        factories.dave()
        factories.user("nora", enrolled=False)
        answer = superuser.get(f"{LIST}?{query}")
        assert {person.username for person in answer.context["cl"].result_list} == found

    def test_factors_are_told_without_their_secrets(self, superuser: Client, alice: User) -> None:
        device = TOTPDevice.objects.get(user=alice)
        text = superuser.get(page(alice)).content.decode()
        assert "<td>Authenticator app</td><td>phone</td>" in text
        assert "<td>Set of recovery codes</td>" in text
        stored = RecoveryCodeDevice.objects.get(user=alice).codes.values_list("code_hash", flat=True)
        secrets = [device.typed_key, device.typed_key.replace(" ", ""), device.key.hex(), alice.password, *stored]
        assert [secret for secret in secrets if secret in text] == []

    def test_a_password_is_never_shown_to_anybody(
        self, superuser: Client, administrator: Client, help_desk: Client, auditor: Client, alice: User
    ) -> None:
        for client in (superuser, administrator, help_desk, auditor):
            text = client.get(page(alice)).content.decode()
            assert "Nobody can see it" in text
            assert "bcrypt" not in text
            assert alice.password.rsplit("$", 1)[1][:20] not in text

    def test_sign_ins_are_told_without_their_keys(self, superuser: Client, alice: User) -> None:
        factories.sign_in(factories.browser(HTTP_USER_AGENT="Netscape 4"), alice)
        session = Session.objects.get(user=alice)
        text = superuser.get(page(alice)).content.decode()
        assert "Netscape 4" in text
        assert session.key_hash not in text
        assert session.session_data not in text

    def test_names_are_text_and_never_markup(self, superuser: Client) -> None:
        odd = factories.user("odd")
        User.objects.update(name="<img src=x onerror=1>")
        for path in (LIST, page(odd), f"{page(odd)[:-7]}history/"):
            text = superuser.get(path).content.decode()
            assert "<img src=x" not in text, path


class TestAdding:
    def test_a_new_person_has_no_password_and_is_in_the_ledger(self, administrator: Client) -> None:
        data = open_form(administrator, f"{LIST}add/", "user") | {"username": "Erin", "name": "Erin E"}
        data = add_row(data, "role_assignments-2", role=str(factories.role("accountant").pk), reason="new here")
        answer = administrator.post(f"{LIST}add/", data)
        erin = User.objects.get(username="erin")
        assert (answer.status_code, erin.has_usable_password(), erin.is_staff) == (302, False, False)
        assert RoleAssignment.objects.values_list("user__username", "role__slug", "granted_by__username", "reason").get(
            user=erin
        ) == ("erin", "accountant", "carol", "new here")
        (actor, subject, data) = entries("account.changed")[0]
        assert (actor, subject, data["before"], data["after"]["username"]) == ("user:carol", "user:erin", {}, "erin")
        assert entries("role.granted")[0][:2] == ("user:carol", "user:erin")

    def test_a_username_that_is_none_is_refused(self, administrator: Client) -> None:
        answer = save(administrator, f"{LIST}add/", "user", username="<script>")
        assert errors(answer) == [
            "“<script>” is not a username: use lower-case letters, digits and . _ @ + -, first a letter or digit."
        ]


class TestChanging:
    def test_before_and_after_are_in_the_ledger(self, administrator: Client, alice: User) -> None:
        assert save(administrator, page(alice), "user", name="Alice Adams").status_code == 302
        assert entries("account.changed") == [
            (
                "user:carol",
                "user:alice",
                {"before": {"name": "Alice"}, "after": {"name": "Alice Adams"}},
            )
        ]

    def test_saving_without_a_change_records_nothing(self, administrator: Client, alice: User) -> None:
        assert save(administrator, page(alice), "user").status_code == 302
        assert entries("account.changed") == []

    def test_the_second_of_two_who_edit_is_told_and_nothing_is_lost(
        self, administrator: Client, superuser: Client, alice: User
    ) -> None:
        mine = open_form(administrator, page(alice), "user") | {"name": "Mine"}
        assert save(superuser, page(alice), "user", name="Theirs").status_code == 302
        answer = administrator.post(page(alice), mine)
        assert errors(answer) == [CONFLICT]
        assert 'value="Mine"' in answer.content.decode()
        alice.refresh_from_db()
        assert alice.name == "Theirs"
        assert save(administrator, page(alice), "user", name="Mine").status_code == 302

    def test_a_page_without_its_mark_is_a_conflict(self, administrator: Client, alice: User) -> None:
        assert errors(save(administrator, page(alice), "user", name="Mine", seen=None)) == [CONFLICT]

    def test_the_username_stays(self, superuser: Client, alice: User) -> None:
        """The ledger knows people by it."""
        save(superuser, page(alice), "user", username="mallory")
        alice.refresh_from_db()
        assert alice.username == "alice"

    def test_deactivating_in_the_form_ends_the_sign_ins(self, administrator: Client, alice: User) -> None:
        hers = signed_in(alice)
        assert hers.get("/").status_code == 200
        assert save(administrator, page(alice), "user", is_active=None).status_code == 302
        assert Session.objects.live(timezone.now()).filter(user=alice).count() == 0
        assert hers.get("/").status_code == 403

    def test_nobody_is_deleted(self, superuser: Client, alice: User) -> None:
        assert superuser.post(f"{page(alice)[:-7]}delete/", {"post": "yes"}).status_code == 403
        superuser.post(LIST, {"action": "delete_selected", "_selected_action": alice.pk, "post": "yes"})
        assert User.objects.filter(pk=alice.pk).exists()


class TestRolesOnThePage:
    def test_a_role_is_given_through_the_verb(self, administrator: Client, alice: User) -> None:
        data = open_form(administrator, page(alice), "user")
        until = timezone.now() + timedelta(days=30)
        data = add_row(
            data,
            "role_assignments-2",
            role=str(factories.role("auditor").pk),
            expires_at_0=until.strftime("%Y-%m-%d"),
            expires_at_1="12:00:00",
            reason="audit",
        )
        assert administrator.post(page(alice), data).status_code == 302
        held = RoleAssignment.objects.get(user=alice, role__slug="auditor")
        assert (held.granted_by.username, held.reason, held.expires_at.hour) == ("carol", "audit", 12)  # type: ignore[union-attr]
        assert [kind[:2] for kind in entries("role.granted")] == [("user:carol", "user:alice")]
        assert entries("account.changed") == []  # the verb has recorded it

    def test_a_role_that_is_held_already_is_refused_with_words(self, administrator: Client, alice: User) -> None:
        data = open_form(administrator, page(alice), "user")
        data = add_row(data, "role_assignments-2", role=str(factories.role("accountant").pk))
        answer = administrator.post(page(alice), data)
        assert errors(answer) == ["alice already has the role “Accountant”: revoke that assignment first."]

    def test_the_same_role_twice_on_one_page_is_refused_with_words(self, administrator: Client, alice: User) -> None:
        data = open_form(administrator, page(alice), "user")
        for _row in range(2):
            data = add_row(data, "role_assignments-2", role=str(factories.role("auditor").pk))
        answer = administrator.post(page(alice), data)
        assert errors(answer) == ["The same role is given twice: leave one of the rows empty."]
        assert not RoleAssignment.objects.filter(role__slug="auditor").exists()

    def test_an_end_that_is_over_is_refused(self, administrator: Client, alice: User) -> None:
        data = open_form(administrator, page(alice), "user")
        over = {"expires_at_0": "2020-01-01", "expires_at_1": "00:00:00"}
        data = add_row(data, "role_assignments-2", role=str(factories.role("auditor").pk), **over)
        answer = administrator.post(page(alice), data)
        assert errors(answer) == ["This time is over: choose a later one, or leave it empty for no end."]

    def test_a_tick_revokes(self, administrator: Client, alice: User) -> None:
        assert save(administrator, page(alice), "user", role_assignments__0__revoke="on").status_code == 302
        held = RoleAssignment.objects.get(user=alice)
        assert held.revoked_by is not None
        assert (held.revoked_at is not None, held.revoked_by.username) == (True, "carol")
        assert [kind[:2] for kind in entries("role.revoked")] == [("user:carol", "user:alice")]

    def test_what_is_held_cannot_be_edited(self, administrator: Client, alice: User) -> None:
        forged = {
            "role_assignments__0__role": "1",
            "role_assignments__0__reason": "forged",
            "role_assignments__0__revoke": "on",
        }
        save(administrator, page(alice), "user", **forged)
        assert RoleAssignment.objects.values_list("role__slug", "reason").get(user=alice) == ("accountant", "")


class TestNobodyLiftsThemselves:
    @pytest.mark.parametrize("flag", ["is_superuser", "is_staff"])
    def test_flags_are_a_superusers_to_set(
        self, administrator: Client, superuser: Client, alice: User, flag: str
    ) -> None:
        save(administrator, page(alice), "user", **{flag: "on"})
        alice.refresh_from_db()
        assert getattr(alice, flag) is False
        save(superuser, page(alice), "user", **{flag: "on"})
        alice.refresh_from_db()
        assert getattr(alice, flag) is True

    def test_nobody_edits_their_own_flags_groups_and_permissions(
        self, superuser: Client, sam: User, carol: User
    ) -> None:
        before = (sam.is_superuser, sam.is_staff, sam.is_active)
        forged = {"is_superuser": None, "is_staff": None, "is_active": None, "groups": ["1"], "user_permissions": ["1"]}
        assert save(superuser, page(sam), "user", **forged).status_code == 302
        sam.refresh_from_db()
        assert (sam.is_superuser, sam.is_staff, sam.is_active) == before
        assert (sam.groups.count(), sam.user_permissions.count()) == (0, 0)

    def test_a_group_is_given_by_those_who_hold_all_of_it(
        self, administrator: Client, alice: User, carol: User
    ) -> None:
        help_desk = staff("hedy", "Help desk").groups.get()
        answer = save(administrator, page(alice), "user", groups=[str(help_desk.pk)])
        assert errors(answer) == [
            "The group “Help desk” may do more than you: only somebody who may do it all gives or takes it."
        ]
        own = carol.groups.get()
        assert save(administrator, page(alice), "user", groups=[str(own.pk)]).status_code == 302
        assert [group.name for group in alice.groups.all()] == ["Access administrators"]

    def test_single_permissions_are_a_superusers_to_give(
        self, administrator: Client, superuser: Client, alice: User
    ) -> None:
        save(administrator, page(alice), "user", user_permissions=["1"])
        assert alice.user_permissions.count() == 0
        save(superuser, page(alice), "user", user_permissions=["1"])
        assert alice.user_permissions.count() == 1

    def test_nobody_gives_a_role_to_themselves(
        self, administrator: Client, superuser: Client, carol: User, sam: User
    ) -> None:
        for client, person in ((administrator, carol), (superuser, sam)):
            form = open_form(client, page(person), "user")
            assert "role_assignments-2-TOTAL_FORMS" not in form
            data = {f"role_assignments-2-{name}": count for name, count in MANAGEMENT.items()}
            data |= {"role_assignments-2-0-role": str(factories.role("accountant").pk)}
            client.post(page(person), form | data)
            assert not RoleAssignment.objects.filter(role__slug="accountant").exists()


MANAGEMENT = {"TOTAL_FORMS": "1", "INITIAL_FORMS": "0", "MIN_NUM_FORMS": "0", "MAX_NUM_FORMS": "1000"}


class TestNobodyReachesUp:
    @pytest.mark.parametrize(
        "changes", [{"email": "carol@example.test"}, {"name": "x"}, {"is_active": None}, {"groups": ["1"]}]
    )
    def test_a_superusers_account_is_closed_to_others(
        self, administrator: Client, sam: User, changes: dict[str, Any]
    ) -> None:
        before = User.objects.values().get(pk=sam.pk)
        assert administrator.get(page(sam)).context["has_change_permission"] is False
        form = {"name": sam.name, "email": "", "is_active": "on"} | changes
        answer = administrator.post(page(sam), {name: value for name, value in form.items() if value is not None})
        assert answer.status_code == 403
        assert User.objects.values().get(pk=sam.pk) == before

    def test_another_superuser_may(self, superuser: Client) -> None:
        other = factories.user("olga", is_superuser=True, is_staff=True)
        assert save(superuser, page(other), "user", email="olga@example.test").status_code == 302
        other.refresh_from_db()
        assert other.email == "olga@example.test"

    def test_an_account_that_may_more_is_closed_too(self, administrator: Client, hedy: User, alice: User) -> None:
        """Whoever changes the address of the help desk could become it, and reset factors."""
        assert administrator.post(page(hedy), {"email": "carol@example.test"}).status_code == 403
        assert save(administrator, page(alice), "user", email="a@example.test").status_code == 302

    def test_that_holds_while_the_account_is_closed(self, administrator: Client, hedy: User) -> None:
        hedy.is_active = False
        hedy.save()
        assert administrator.post(page(hedy), {"email": "carol@example.test"}).status_code == 403

    def test_roles_of_a_superuser(self, administrator: Client, superuser: Client, sam: User) -> None:
        olga = factories.user("olga", is_superuser=True, roles=("accountant",))
        held = RoleAssignment.objects.get(user=olga)
        revoke = {"action": "revoke", "_selected_action": held.pk, "confirmed": "yes", "reason": "x"}
        answer = administrator.post("/admin/accounts/roleassignment/", revoke)
        assert "Only a superuser changes the roles of a superuser." in answer.content.decode()
        add = {"role": factories.role("auditor").pk, "user": olga.pk}
        answer = administrator.post("/admin/accounts/roleassignment/add/", add)
        assert errors(answer) == ["Only a superuser changes the roles of a superuser."]
        held.refresh_from_db()
        assert held.revoked_at is None
        assert superuser.post("/admin/accounts/roleassignment/", revoke).status_code == 302
        held.refresh_from_db()
        assert held.revoked_at is not None


class TestActs:
    def test_reset_asks_first(self, help_desk: Client, alice: User) -> None:
        answer = act(help_desk, "reset_factors", alice, reason=None)
        assert answer.status_code == 200
        text = answer.content.decode()
        assert "Authenticator apps and recovery codes are removed" in text
        assert f'name="_selected_action" value="{alice.pk}"' in text
        assert TOTPDevice.objects.filter(user=alice).exists()

    def test_reset_needs_a_reason(self, help_desk: Client, alice: User) -> None:
        answer = act(help_desk, "reset_factors", alice, reason="")
        assert "This field is required." in answer.content.decode()
        assert TOTPDevice.objects.filter(user=alice).exists()

    def test_reset_takes_the_factors_and_ends_the_sign_ins(self, help_desk: Client, alice: User) -> None:
        hers = signed_in(alice)
        answer = act(help_desk, "reset_factors", alice)
        assert answer.status_code == 302
        assert (
            TOTPDevice.objects.filter(user=alice).count(),
            RecoveryCodeDevice.objects.filter(user=alice).count(),
        ) == (0, 0)
        assert hers.get("/").status_code == 302
        assert entries("factor.removed") == [
            ("user:hedy", "user:alice", {"factor": "all", "reason": "INC-1"}),
        ]
        assert words(answer) == ["Done for 1: alice."]

    def test_the_help_desk_resets_neither_itself_nor_a_superuser_nor_who_may_more(
        self, help_desk: Client, hedy: User, sam: User, carol: User
    ) -> None:
        text = act(help_desk, "reset_factors", hedy, sam, carol).content.decode()
        assert "hedy: Your own second factors change on your account page." in text
        assert text.count("This account may do more than yours") == 2
        assert TOTPDevice.objects.filter(confirmed=True).count() == 3

    def test_the_permission_is_needed(self, administrator: Client, alice: User) -> None:
        act(administrator, "reset_factors", alice)
        assert TOTPDevice.objects.filter(user=alice).exists()

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("quarantine", "subject_quarantined"),
            ("deactivate", "subject_disabled"),
            ("end_sign_ins", "session_ended"),
        ],
    )
    def test_cutting_off_holds_on_the_next_request(
        self, administrator: Client, alice: User, name: str, reason: str
    ) -> None:
        hers = signed_in(alice)
        assert hers.get("/").status_code == 200
        assert act(administrator, name, alice).status_code == 302
        assert hers.get("/", headers={"sec-fetch-mode": "cors"}).json()["reason"] == reason
        assert Session.objects.live(timezone.now()).filter(user=alice).count() == 0

    @pytest.mark.parametrize("name", ["quarantine", "deactivate", "end_sign_ins"])
    def test_not_a_superuser_and_not_oneself(self, administrator: Client, sam: User, carol: User, name: str) -> None:
        theirs = signed_in(sam)
        text = act(administrator, name, sam, carol).content.decode()
        assert "sam: Only a superuser touches the account of a superuser." in text
        assert "carol: Nobody does this to themselves here" in text
        assert theirs.get("/").status_code == 200
        assert administrator.get("/").status_code == 200

    def test_quarantine_and_lifting_are_in_the_ledger(self, administrator: Client, alice: User) -> None:
        act(administrator, "quarantine", alice)
        alice.refresh_from_db()
        since = alice.quarantined_at
        assert since is not None
        act(administrator, "lift_quarantine", alice, reason="found it")
        alice.refresh_from_db()
        assert alice.quarantined_at is None
        at = {"quarantined_at": since.isoformat()}
        assert entries("account.changed") == [
            ("user:carol", "user:alice", {"before": {"quarantined_at": None}, "after": at, "reason": "INC-1"}),
            (
                "user:carol",
                "user:alice",
                {"before": at, "after": {"quarantined_at": None}, "reason": "found it"},
            ),
        ]

    def test_buttons_on_the_page_are_those_that_are_possible(
        self, administrator: Client, alice: User, sam: User
    ) -> None:
        def offered(person: User) -> list[str]:
            return [act.name for act in administrator.get(page(person)).context["acts"]]

        assert offered(alice) == ["end_sign_ins", "quarantine", "deactivate"]
        User.objects.filter(pk=alice.pk).update(is_active=False, quarantined_at=timezone.now())
        assert offered(alice) == ["end_sign_ins", "lift_quarantine", "activate"]
        assert offered(sam) == []

    def test_too_many_at_once(self, superuser: Client) -> None:
        User.objects.bulk_create(User(username=f"u{number}") for number in range(201))
        answer = act(superuser, "quarantine", *User.objects.filter(username__startswith="u"))
        assert words(answer) == ["Choose at most 200 at once."]
        assert not User.objects.filter(quarantined_at__isnull=False).exists()


class TestLastAdministrator:
    LAST = "Nobody would be left who can administer: first give another superuser the role “administrator”."

    def test_the_last_assignment_is_not_revoked_in_the_list(self, superuser: Client, sam: User) -> None:
        held = RoleAssignment.objects.get(user=sam)
        data = {"action": "revoke", "_selected_action": held.pk, "confirmed": "yes", "reason": "x"}
        answer = superuser.post("/admin/accounts/roleassignment/", data)
        assert words(answer) == [self.LAST]
        held.refresh_from_db()
        assert held.revoked_at is None
        assert entries("role.revoked") == []

    def test_nor_on_a_page(self, superuser: Client, sam: User) -> None:
        answer = save(superuser, page(sam), "user", role_assignments__0__revoke="on")
        assert errors(answer) == [self.LAST]
        role = Role.objects.get(slug=Role.ADMINISTRATOR)
        path = reverse("admin:accounts_role_change", args=[role.pk])
        assert errors(save(superuser, path, "role", assignments__0__revoke="on")) == [self.LAST]
        assert RoleAssignment.objects.active(timezone.now()).filter(user=sam).exists()

    def test_with_another_one_left_it_is(self, superuser: Client, sam: User) -> None:
        factories.user("olga", is_superuser=True, is_staff=True, roles=(Role.ADMINISTRATOR,))
        assert save(superuser, page(sam), "user", role_assignments__0__revoke="on").status_code == 302
        assert not RoleAssignment.objects.active(timezone.now()).filter(user=sam).exists()

    def test_nor_is_the_last_one_deactivated_by_a_superuser_without_the_role(
        self, superuser: Client, sam: User
    ) -> None:
        """Two superusers, and the one who acts will not be able to come back."""
        olga = factories.user("olga", is_superuser=True, is_staff=True, roles=(Role.ADMINISTRATOR,))
        hers = signed_in(olga)
        RoleAssignment.objects.filter(user=olga).update(expires_at=timezone.now() + timedelta(days=1))
        assert save(hers, page(sam), "user", is_active=None).status_code == 302  # olga is left, today
        assert errors(save(hers, page(olga), "user", role_assignments__0__revoke="on")) == [self.LAST]


class TestPasswords:
    NEW = "moss Tidal 41 lantern"

    def path(self, person: User) -> str:
        return reverse("admin:auth_user_password_change", args=[person.pk])

    def form(self) -> dict[str, str]:
        return {"password1": self.NEW, "password2": self.NEW, "usable_password": "true", "set-password": "Set"}

    def test_a_superuser_sets_one_for_somebody_and_signs_them_out(self, superuser: Client, alice: User) -> None:
        hers = signed_in(alice)
        assert superuser.get(self.path(alice)).status_code == 200
        assert superuser.post(self.path(alice), self.form()).status_code == 302
        alice.refresh_from_db()
        assert alice.check_password(self.NEW)
        assert Session.objects.live(timezone.now()).filter(user=alice).count() == 0
        assert hers.get("/").status_code == 302
        assert entries("account.changed") == [("user:sam", "user:alice", {"changed": ["password"]})]

    def test_a_weak_one_is_refused(self, superuser: Client, alice: User) -> None:
        before = alice.password
        form = self.form() | {"password1": "alice", "password2": "alice"}
        assert superuser.post(self.path(alice), form).status_code == 200
        alice.refresh_from_db()
        assert alice.password == before
        assert entries("account.changed") == []

    def test_nobody_else_does(self, administrator: Client, help_desk: Client, auditor: Client, alice: User) -> None:
        for client in (administrator, help_desk, auditor):
            assert client.get(self.path(alice)).status_code == 403
            assert client.post(self.path(alice), self.form()).status_code == 403
        assert User.objects.get(pk=alice.pk).password == alice.password

    def test_not_for_a_superuser_and_not_for_oneself(self, superuser: Client, sam: User) -> None:
        olga = factories.user("olga", is_superuser=True)
        for person in (sam, olga):
            assert superuser.post(self.path(person), self.form()).status_code == 403
            assert User.objects.get(pk=person.pk).password == person.password

    def test_ones_own_is_changed_on_the_account_page(self, superuser: Client) -> None:
        answer = superuser.get("/admin/password_change/")
        assert (answer.status_code, answer["Location"]) == (302, "/account/password/")


class TestWhatMayBeAskedFor:
    @pytest.mark.parametrize(
        "query",
        [
            "password__startswith=bcrypt",
            "_connector=OR+1%3D1",
            "_negated=1",
            "sessions__session_data__startswith=a",
            "totpdevice__key_encrypted__startswith=a",
            "groups__permissions__codename=x",
            "username=alice",
            "username__regex=(a%2B)%2B$",
        ],
    )
    def test_other_look_ups_are_refused(self, superuser: Client, query: str) -> None:
        assert superuser.get(f"{LIST}?{query}").status_code == 400

    def test_another_key_is_refused(self, superuser: Client, alice: User) -> None:
        assert superuser.get(f"{LIST}?_to_field=password").status_code == 400
        assert superuser.get(f"{page(alice)}?_to_field=password").status_code == 400

    def test_autocomplete_needs_the_permission(self, auditor: Client, help_desk: Client, alice: User) -> None:
        query = {"app_label": "segments", "model_name": "grant", "field_name": "role", "term": ""}
        assert auditor.get("/admin/autocomplete/", query).status_code == 200
        assert help_desk.get("/admin/autocomplete/", query).status_code == 403
