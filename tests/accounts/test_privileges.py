"""What staff may do on whom: each rule with the fact that turns it."""

from datetime import timedelta

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from accounts import privileges
from accounts.models import Role, RoleAssignment, User
from tests import factories

pytestmark = pytest.mark.django_db


@pytest.fixture
def erin() -> User:
    return factories.user("erin", is_staff=True, enrolled=False)


def give(person: User, *codenames: str, by_group: bool = False) -> User:
    found = Permission.objects.filter(codename__in=codenames)
    if by_group:
        group = Group.objects.create(name=" ".join(codenames))
        group.permissions.set(found)
        person.groups.add(group)
    else:
        person.user_permissions.set(found)
    return person


class TestWhoMayChangeWhom:
    @pytest.mark.parametrize("by_group", [False, True])
    def test_nobody_changes_an_account_that_may_more(self, erin: User, carol: User, by_group: bool) -> None:
        assert privileges.may_change(carol, erin)
        give(erin, "view_entry", by_group=by_group)
        assert not privileges.may_change(carol, erin)
        give(carol, "view_entry")
        assert privileges.may_change(carol, erin)

    @pytest.mark.parametrize("change", [{"is_active": False}, {"is_staff": False}, {"quarantined_at": timezone.now()}])
    def test_also_while_it_cannot_use_what_it_may(self, erin: User, carol: User, change: dict[str, object]) -> None:
        give(erin, "view_entry")
        User.objects.filter(pk=erin.pk).update(**change)
        erin.refresh_from_db()
        assert not privileges.may_change(carol, erin)

    def test_a_superuser_is_changed_by_superusers(self, erin: User, carol: User, sam: User) -> None:
        erin.is_superuser = True
        assert privileges.may_change(sam, erin)
        assert not privileges.may_change(carol, erin)
        assert not privileges.may_cut_off(carol, erin)
        assert privileges.may_cut_off(sam, erin)

    def test_peers_may_be_cut_off(self, erin: User, carol: User) -> None:
        give(erin, "view_entry")
        assert privileges.may_cut_off(carol, erin)
        assert not privileges.may_reset_factors(carol, erin)

    def test_nobody_cuts_off_or_resets_themselves(self, sam: User) -> None:
        assert not privileges.may_cut_off(sam, sam)
        assert not privileges.may_reset_factors(sam, sam)
        assert privileges.may_change(sam, sam)

    def test_passwords(self, erin: User, carol: User, sam: User) -> None:
        assert privileges.may_set_password(sam, erin)
        assert not privileges.may_set_password(carol, erin)
        assert not privileges.may_set_password(sam, sam)
        erin.is_superuser = True
        assert not privileges.may_set_password(sam, erin)


class TestWhatMayBeGiven:
    def test_permissions_that_one_holds(self, carol: User, sam: User) -> None:
        for codename, may in (("change_user", True), ("view_entry", False)):
            permissions = Permission.objects.filter(codename=codename).select_related("content_type")
            assert privileges.may_give(carol, permissions) is may
            assert privileges.may_give(sam, permissions)

    def test_groups_of_which_one_holds_everything(self, carol: User) -> None:
        group = Group.objects.create(name="g")
        group.permissions.set(Permission.objects.filter(codename="change_user"))
        assert privileges.may_give_group(carol, group)
        group.permissions.add(Permission.objects.get(codename="view_entry"))
        assert not privileges.may_give_group(carol, group)

    def test_the_role_of_administrators_by_those_who_hold_it_now(self, erin: User, sam: User) -> None:
        role = Role.objects.get(slug=Role.ADMINISTRATOR)
        assert not privileges.may_hand_on(erin, role)
        assert privileges.may_hand_on(erin, factories.role("accountant"))
        held = factories.assignment(erin, role)
        assert privileges.may_hand_on(erin, role)
        held.expires_at = timezone.now() - timedelta(seconds=1)
        held.save()
        assert not privileges.may_hand_on(erin, role)
        RoleAssignment.objects.filter(user=sam).delete()
        assert privileges.may_hand_on(sam, role)


class TestTheLastLine:
    @pytest.mark.parametrize("flag", ["is_staff", "is_superuser"])
    def test_flags_are_not_lifted(self, carol: User, sam: User, flag: str) -> None:
        before, after = factories.alice(), User(username="alice", **{flag: True})
        after.pk = before.pk
        with pytest.raises(PermissionDenied):
            privileges.require_no_lift(carol, before, after)
        with pytest.raises(PermissionDenied):
            privileges.require_no_lift(carol, None, after)
        privileges.require_no_lift(sam, before, after)
        privileges.require_no_lift(carol, before, before)

    def test_not_on_oneself_either(self, sam: User) -> None:
        after = User.objects.get(pk=sam.pk)
        after.is_superuser = False
        with pytest.raises(PermissionDenied):
            privileges.require_no_lift(sam, sam, after)

    def test_not_on_somebody_who_may_more(self, carol: User, sam: User) -> None:
        with pytest.raises(PermissionDenied):
            privileges.require_no_lift(carol, sam, sam)


class TestSomebodyIsLeft:
    @pytest.mark.parametrize(
        "change",
        [
            {"is_active": False},
            {"is_staff": False},
            {"is_superuser": False},
            {"quarantined_at": timezone.now()},
        ],
    )
    def test_the_last_administrator_stays(self, sam: User, change: dict[str, object]) -> None:
        with pytest.raises(ValidationError), privileges.administrator_kept():
            User.objects.filter(pk=sam.pk).update(**change)
        assert User.objects.filter(
            pk=sam.pk, is_active=True, is_staff=True, is_superuser=True, quarantined_at=None
        ).exists()
        factories.user("olga", is_superuser=True, is_staff=True, roles=(Role.ADMINISTRATOR,))
        with privileges.administrator_kept():
            User.objects.filter(pk=sam.pk).update(**change)

    def test_where_there_was_none_nothing_is_refused(self, carol: User) -> None:
        with privileges.administrator_kept():
            User.objects.filter(pk=carol.pk).update(name="Carol C")
        assert User.objects.get(pk=carol.pk).name == "Carol C"
