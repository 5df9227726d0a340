"""Reusable reads, named as adjectives."""

from datetime import datetime

from django.db import models
from django.db.models import Q


class RoleAssignmentQuerySet(models.QuerySet):
    def active(self, at: datetime) -> "RoleAssignmentQuerySet":
        """Assignments that hold at `at`: begun, not ended, not revoked. Windows exclude their end."""
        return self.unrevoked().filter(
            Q(not_before__isnull=True) | Q(not_before__lte=at), Q(expires_at__isnull=True) | Q(expires_at__gt=at)
        )

    def unrevoked(self) -> "RoleAssignmentQuerySet":
        return self.filter(revoked_at__isnull=True)


class SessionQuerySet(models.QuerySet):
    def live(self, at: datetime) -> "SessionQuerySet":
        return self.filter(ended_at__isnull=True, expire_date__gt=at)
