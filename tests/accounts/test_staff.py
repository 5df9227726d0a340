"""The three groups of staff: there after every migrate, with what they need and no more."""

import pytest
from django.contrib.auth.models import Group, Permission
from django.core.management import call_command

from accounts import staff

pytestmark = pytest.mark.django_db

EXPECTED = {
    "Access administrators": {
        "accounts.add_role", "accounts.add_roleassignment", "accounts.add_serviceaccount",
        "accounts.add_servicetoken", "accounts.add_user",
        "accounts.change_role", "accounts.change_roleassignment", "accounts.change_serviceaccount",
        "accounts.change_session", "accounts.change_user", "accounts.view_role", "accounts.view_roleassignment",
        "accounts.view_serviceaccount", "accounts.view_servicetoken", "accounts.view_session", "accounts.view_user",
        "segments.add_flow",
        "segments.add_grant", "segments.add_guardrail", "segments.add_resource", "segments.add_segment",
        "segments.change_flow", "segments.change_grant", "segments.change_guardrail", "segments.change_resource",
        "segments.change_segment", "segments.delete_flow", "segments.delete_grant", "segments.delete_resource",
        "segments.view_flow", "segments.view_grant", "segments.view_guardrail", "segments.view_resource",
        "segments.view_segment",
    },
    "Help desk": {
        "accounts.change_session", "accounts.reset_factor", "accounts.view_session", "accounts.view_user",
    },
    "Auditors": {
        "accounts.view_role", "accounts.view_roleassignment", "accounts.view_serviceaccount",
        "accounts.view_servicetoken", "accounts.view_session", "accounts.view_user",
        "audit.view_entry", "auth.view_group", "segments.view_flow", "segments.view_grant",
        "segments.view_guardrail", "segments.view_resource", "segments.view_segment",
    },
}  # fmt: skip


def found() -> dict[str, set[str]]:
    return {group.name: held(group) for group in Group.objects.all()}


def held(group: Group) -> set[str]:
    names = group.permissions.values_list("content_type__app_label", "codename")
    return {f"{app}.{codename}" for app, codename in names}


def test_each_holds_what_it_needs() -> None:
    assert found() == EXPECTED


def test_auditors_only_look() -> None:
    assert [name for name in EXPECTED["Auditors"] if ".view_" not in name] == []


def test_the_help_desk_gives_nothing() -> None:
    assert [name for name in EXPECTED["Help desk"] if ".add_" in name or "grant" in name or "role" in name] == []


def test_migrating_again_changes_nothing() -> None:
    call_command("migrate", verbosity=0)
    assert found() == EXPECTED


def test_what_a_superuser_narrowed_stays_narrow() -> None:
    group = Group.objects.get(name=staff.HELP_DESK)
    group.permissions.remove(Permission.objects.get(codename="reset_factor"))
    call_command("migrate", verbosity=0)
    assert held(group) == EXPECTED["Help desk"] - {"accounts.reset_factor"}


def test_a_group_that_was_deleted_comes_back() -> None:
    Group.objects.filter(name=staff.AUDITORS).delete()
    call_command("migrate", verbosity=0)
    assert found() == EXPECTED
