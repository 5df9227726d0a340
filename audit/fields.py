"""The column that keeps JSON exactly as it was written."""

import json
from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Expression

from audit import chain


class CanonicalJSONField(models.TextField):
    """A JSON value kept as canonical text.

    PostgreSQL's `jsonb` writes numbers its own way (`1e22`, `-0.0`), refuses U+0000 and forgets spaces; a hash over
    what is stored needs the bytes that were written.
    """

    def from_db_value(self, value: str | None, _expression: Expression, _connection: BaseDatabaseWrapper) -> Any:
        """The value; text that is no longer JSON comes back as text, so that a damaged entry can still be read."""
        if value is None:
            return None
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value

    def get_prep_value(self, value: Any) -> str:
        return chain.canonical(value)
