"""Reusable reads, named as adjectives."""

from datetime import datetime

from django.db import models
from django.db.models import Q


class GrantQuerySet(models.QuerySet):
    def expired(self, at: datetime) -> "GrantQuerySet":
        """Grants whose window has ended at `at`; windows exclude their end."""
        return self.filter(expires_at__lte=at)

    def current(self, at: datetime) -> "GrantQuerySet":
        return self.filter(
            Q(not_before__isnull=True) | Q(not_before__lte=at), Q(expires_at__isnull=True) | Q(expires_at__gt=at)
        )
