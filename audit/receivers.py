"""What the ledger does on Django's own signals."""

from typing import Any

from django.db import connections

from audit import ledger, triggers
from audit.models import Head


def begin_ledger(*, using: str, **_kwargs: Any) -> None:
    """Write the first head and see to the triggers, once there are tables. Sent after `migrate` and after a flush."""
    connection = connections[using]
    if Head._meta.db_table in connection.introspection.table_names():
        ledger.begin(using)
    if triggers.wanted(connection) and triggers.missing(connection):
        triggers.install(connection)
