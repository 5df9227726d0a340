"""Backing off after wrong tries, and saying for how long."""

import math
from datetime import datetime

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext


class ThrottledError(Exception):
    """Too many wrong tries; nothing was checked. `until` is when the next one will be."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"too many wrong tries: locked until {until.isoformat()}")
        self.until = until

    @property
    def seconds(self) -> int:
        """How long to wait from now, for Retry-After."""
        return seconds_until(self.until)


def seconds_until(until: datetime) -> int:
    """Whole seconds from now, at least one."""
    return max(1, math.ceil((until - timezone.now()).total_seconds()))


def try_again(until: datetime) -> str:
    """Such as: Try again in 40 seconds."""
    seconds = seconds_until(until)
    if seconds <= 90:
        return ngettext("Try again in %d second.", "Try again in %d seconds.", seconds) % seconds
    minutes = math.ceil(seconds / 60)
    return _("Try again in %d minutes.") % minutes
