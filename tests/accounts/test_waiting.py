"""How long to wait, as people and as browsers are told."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from accounts.waiting import ThrottledError, try_again

NOW = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("seconds", "text", "header"),
    [
        (-5, "Try again in 1 second.", 1),
        (0.2, "Try again in 1 second.", 1),
        (1, "Try again in 1 second.", 1),
        (1.5, "Try again in 2 seconds.", 2),
        (90, "Try again in 90 seconds.", 90),
        (91, "Try again in 2 minutes.", 91),
        (900, "Try again in 15 minutes.", 900),
    ],
)
def test_waiting(seconds: float, text: str, header: int) -> None:
    until = NOW + timedelta(seconds=seconds)
    with time_machine.travel(NOW, tick=False):
        assert (try_again(until), ThrottledError(until).seconds) == (text, header)
