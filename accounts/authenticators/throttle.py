"""Wrong codes, counted on the account: over all its factors, sessions and addresses."""

from datetime import datetime, timedelta
from typing import Any, Final

from django.contrib.auth import get_user_model
from django.utils import timezone
from django_otp.models import Device, VerifyNotAllowed

# Five tries within a quarter of an hour, then one in every quarter: a guesser who has the password meets
# 3 accepted codes of 10^6 with about 100 tries a day.
WAITS: Final = (0, 1, 2, 4, 8, 15 * 60)
FORGOTTEN_AFTER: Final = timedelta(days=1)


def wait_after(failures: int) -> timedelta:
    """How long to wait after `failures` wrong codes in a row: 1, 2, 4, 8 seconds, then 15 minutes."""
    return timedelta(seconds=WAITS[min(failures, len(WAITS) - 1)])


def locked_until(user: Any, at: datetime) -> datetime | None:
    """Until when no code of `user` is checked; None when the next one would be."""
    if user.factor_failed_at is None:
        return None
    until: datetime = user.factor_failed_at + wait_after(user.factor_failures)
    return until if at < until else None


def lock_account(user_id: int) -> Any:
    """The user row as committed, locked until the transaction ends (on SQLite the IMMEDIATE one is the lock).

    The first lock of whoever changes factors or sessions and then records it: whoever takes locks in another order can
    meet them crosswise. Rows that merely refer to this one (a grant, an entry of the admin's history) do not wait.
    """
    return get_user_model().objects.select_for_update(no_key=True).get(pk=user_id)


def count_failure(user: Any, at: datetime) -> None:
    """One more wrong code. `user` comes from lock_account, so that parallel guesses cannot count as one."""
    stale = user.factor_failed_at is not None and user.factor_failed_at + FORGOTTEN_AFTER < at
    user.factor_failures = 1 if stale else user.factor_failures + 1
    user.factor_failed_at = at
    user.save(update_fields=["factor_failures", "factor_failed_at"])


def forget_failures(user: Any) -> None:
    user.factor_failures, user.factor_failed_at = 0, None
    user.save(update_fields=["factor_failures", "factor_failed_at"])


class ThrottledDevice(Device):
    """A device whose wrong codes count on its account."""

    confirmed: bool  # of django-otp's class, which has no types

    class Meta(Device.Meta):
        abstract = True

    def verify_is_allowed(self) -> tuple[bool, dict[str, Any] | None]:
        """As django-otp asks: whether a code would be checked now, and if not until when not."""
        user = get_user_model().objects.get(pk=self.user_id)
        until = locked_until(user, timezone.now())
        if until is None:
            return True, None
        return False, {
            "reason": VerifyNotAllowed.N_FAILED_ATTEMPTS,
            "failure_count": user.factor_failures,
            "locked_until": until,
        }
