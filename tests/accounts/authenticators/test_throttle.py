"""Wrong codes back off: 1, 2, 4, 8 seconds, then a quarter of an hour."""

from datetime import UTC, datetime, timedelta

import django_otp
import pytest
import time_machine

from accounts.authenticators import throttle
from accounts.models import User
from tests import factories

NOW = datetime(2026, 11, 24, 12, 0, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "seconds"), [(0, 0), (1, 1), (2, 2), (3, 4), (4, 8), (5, 900), (6, 900), (100, 900), (10**6, 900)]
)
def test_wait_after_failures(failures: int, seconds: int) -> None:
    assert throttle.wait_after(failures) == timedelta(seconds=seconds)


def test_locked_until_includes_the_start_and_excludes_the_end() -> None:
    user = User(factor_failures=3, factor_failed_at=NOW)
    assert throttle.locked_until(user, NOW) == NOW + timedelta(seconds=4)
    assert throttle.locked_until(user, NOW + timedelta(seconds=3.9)) == NOW + timedelta(seconds=4)
    assert throttle.locked_until(user, NOW + timedelta(seconds=4)) is None
    assert throttle.locked_until(User(), NOW) is None


@pytest.mark.django_db
def test_at_most_five_guesses_in_a_quarter_of_an_hour_and_a_hundred_a_day() -> None:
    """Guesses as fast as they are checked, with every factor in turn."""
    device = factories.app(factories.alice(enrolled=False))
    checked = []
    with time_machine.travel(NOW, tick=False) as clock:
        while len(checked) < 110:
            until = throttle.locked_until(User.objects.get(pk=device.user_id), datetime.now(UTC))
            if until:
                clock.move_to(until)
            assert django_otp.verify_token(device.user, device.persistent_id, factories.wrong_code(device)) is None
            checked.append(datetime.now(UTC) - NOW)
    assert sum(moment < timedelta(minutes=15) for moment in checked) == 5
    assert sum(moment < timedelta(days=1) for moment in checked) <= 101


@pytest.mark.django_db
@pytest.mark.parametrize(("hours", "failures"), [(23, 6), (25, 1)])
def test_failures_of_yesterday_are_forgotten(hours: int, failures: int) -> None:
    device = factories.app(factories.alice(enrolled=False))
    User.objects.update(factor_failures=5, factor_failed_at=NOW)
    with time_machine.travel(NOW + timedelta(hours=hours), tick=False):
        assert not device.verify_token(factories.wrong_code(device))
    assert User.objects.get().factor_failures == failures
