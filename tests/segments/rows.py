"""Stored policies for tests: each function makes one row, checked as the admin and the policy file check it."""

from typing import Any

from accounts.models import Role, User
from segments.models import Grant, Resource, Segment


def segment(slug: str = "finance", **fields: Any) -> Segment:
    row = Segment(slug=slug, **{"name": slug.title()} | fields)
    row.full_clean()
    row.save()
    return row


def view(of: Segment, name: str, **fields: Any) -> Resource:
    return _resource(Resource(segment=of, kind=Resource.Kind.VIEW, view=name, **fields))


def web(of: Segment, host: str, path: str = "/", **fields: Any) -> Resource:
    name = fields.pop("name", f"{host}{path}".rstrip("/"))
    return _resource(Resource(segment=of, kind=Resource.Kind.WEB, name=name, host=host, path=path, **fields))


def grant(of: Segment, to: Role | User, **fields: Any) -> Grant:
    row = Grant(segment=of, **{"role" if isinstance(to, Role) else "user": to}, **fields)
    row.full_clean()
    row.save()
    return row


def _resource(row: Resource) -> Resource:
    row.full_clean()
    row.save()
    return row
