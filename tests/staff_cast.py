"""Each kind of staff, signed in. sam may everything, carol administers access, hedy is the help desk, audrey audits,
pat is staff without a group. All but alice hold the role that opens the administration."""

from collections.abc import Callable
from typing import Final

from django.contrib.auth.models import Group
from django.test import Client

from accounts.models import Role, User
from accounts.staff import ACCESS_ADMINISTRATORS, AUDITORS, HELP_DESK
from tests import factories


def staff(username: str, group: str = "") -> User:
    person = factories.user(username, is_staff=True, roles=(Role.ADMINISTRATOR,))
    if group:
        person.groups.add(Group.objects.get(name=group))
    return person


KINDS: Final[dict[str, Callable[[], User]]] = {
    "superuser": factories.sam,
    "access administrator": lambda: staff("carol", ACCESS_ADMINISTRATORS),
    "help desk": lambda: staff("hedy", HELP_DESK),
    "auditor": lambda: staff("audrey", AUDITORS),
    "plain staff": lambda: staff("pat"),
    "user": factories.alice,
}


def signed_in(person: User) -> Client:
    client = factories.browser()
    factories.sign_in(client, person)
    return client
