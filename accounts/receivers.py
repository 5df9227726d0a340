"""Listeners on Django's own signals."""

from typing import Any

from django.db import connections

from accounts import staff
from accounts.models import Role


def create_built_in_roles(using: str, **kwargs: Any) -> None:
    """After every migrate (and every flush) the built-in roles and the groups of staff exist."""
    if Role._meta.db_table not in connections[using].introspection.table_names():
        return  # migrated back to nothing
    for slug, name, description in Role.BUILT_IN:
        Role.objects.using(using).get_or_create(
            slug=slug, defaults={"name": name, "description": description, "built_in": True}
        )
    staff.equip(staff.PERMISSIONS, using)
