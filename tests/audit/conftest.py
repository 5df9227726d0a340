from datetime import UTC, datetime, timedelta

import pytest

from audit import ledger
from audit.models import Entry

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)


@pytest.fixture
def five(db: None) -> list[Entry]:
    """A ledger of five entries, a minute apart."""
    return [
        ledger.record(
            kind="decision",
            actor="user:alice",
            subject=f"user:bob-{number}",
            data={"allowed": False, "reason": "no_grant", "path": "/finance/été"},
            reference=f"D-{number}",
            at=NOON + timedelta(minutes=number, microseconds=number * 1001),
        )
        for number in range(1, 6)
    ]
