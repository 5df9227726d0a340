"""People, roles and service accounts in the admin."""

from accounts.admin import groups, people, roles

__all__ = ["groups", "people", "roles"]
