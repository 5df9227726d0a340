"""The three ready-made groups of staff, each with the permissions it needs and no more.

They say which pages of the admin somebody may use. Into the admin itself leads only the role `administrator` with the
staff flag; on whom the permissions may be used is in `accounts.privileges`.
"""

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from django.contrib.auth.models import Group, Permission

ACCESS_ADMINISTRATORS: Final = "Access administrators"
HELP_DESK: Final = "Help desk"
AUDITORS: Final = "Auditors"

PERMISSIONS: Final[Mapping[str, Mapping[str, Collection[str]]]] = {  # group -> app -> codenames
    ACCESS_ADMINISTRATORS: {
        "accounts": (
            "view_user", "add_user", "change_user", "view_session", "change_session",
            "view_role", "add_role", "change_role",
            "view_roleassignment", "add_roleassignment", "change_roleassignment",
            "view_serviceaccount", "add_serviceaccount", "change_serviceaccount",
            "view_servicetoken", "add_servicetoken",
        ),
    },
    HELP_DESK: {
        "accounts": ("view_user", "reset_factor", "view_session", "change_session"),
    },
    AUDITORS: {
        "accounts": (
            "view_user", "view_session", "view_role", "view_roleassignment", "view_serviceaccount",
            "view_servicetoken",
        ),
        "audit": ("view_entry",),
        "auth": ("view_group",),
    },
}  # fmt: skip


def equip(permissions: Mapping[str, Mapping[str, Collection[str]]], using: str) -> None:
    """Give each group its permissions of each app, unless it has some of that app: what staff changed since stays."""
    for name, by_app in permissions.items():
        group, _created = Group.objects.using(using).get_or_create(name=name)
        for app, codenames in by_app.items():
            if not group.permissions.filter(content_type__app_label=app).exists():
                group.permissions.add(*_existing(app, codenames, using))


def _existing(app: str, codenames: Collection[str], using: str) -> Iterable[Permission]:
    return Permission.objects.using(using).filter(content_type__app_label=app, codename__in=codenames)
