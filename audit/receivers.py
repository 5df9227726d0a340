"""What the ledger does on Django's own signals."""

from typing import Any

from django.db import connections

from audit import ledger
from audit.models import Head


def begin_ledger(*, using: str, **_kwargs: Any) -> None:
    """Write the first head, once its table is there. Sent after `migrate` and after a flush of the tables."""
    if Head._meta.db_table in connections[using].introspection.table_names():
        ledger.begin(using)
