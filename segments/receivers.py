"""Listeners on Django's own signals."""

from typing import Any, Final

from django.db import connections

from accounts import staff as accounts_staff
from accounts.models import Role
from segments import staff, version
from segments.models import Grant, PolicyVersion, Resource, Segment

BUILT_IN: Final = (
    (Segment.PORTAL, "Portal", Role.EVERYBODY, ("segments:portal", "segments:enter", "accounts:*")),
    (Segment.ADMINISTRATION, "Administration", Role.ADMINISTRATOR, ("admin:*",)),
)


def create_built_in_segments(using: str, **kwargs: Any) -> None:
    """After every migrate (and every flush) the built-in segments, their resources and grants exist."""
    if PolicyVersion._meta.db_table not in connections[using].introspection.table_names():
        return  # migrated back to nothing
    version.install(connections[using])
    PolicyVersion.objects.using(using).get_or_create(pk=1)
    accounts_staff.equip(staff.PERMISSIONS, using)
    for slug, name, role_slug, views in BUILT_IN:
        segment, created = Segment.objects.using(using).get_or_create(
            slug=slug, defaults={"name": name, "built_in": True}
        )
        if not created:
            continue  # what staff changed since stays
        for view in views:
            Resource.objects.using(using).create(segment=segment, kind=Resource.Kind.VIEW, name=view, view=view)
        role = Role.objects.using(using).get(slug=role_slug)
        Grant.objects.using(using).create(segment=segment, role=role, actions=["read", "write"], reason="built in")
