"""Moments as people say them. The exact one goes beside them, in `exact`; the zone is always named."""

from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


def ago(at: datetime, now: datetime) -> str:
    """Such as: just now, 12 minutes ago, 3 days ago."""
    if now - at < MINUTE:
        return _("just now")
    return _("%(length)s ago") % {"length": timesince(at, now, depth=1)}


def left(until: datetime, now: datetime) -> str:
    """Such as: 40 minutes left, 31 days left. Days, not months: people count those they have left."""
    remaining = until - now
    if remaining >= DAY:
        return ngettext("%d day left", "%d days left", remaining.days) % remaining.days
    if remaining < MINUTE:
        return _("ends now")
    return _("%(length)s left") % {"length": timesince(now, until, depth=1)}


def exact(at: datetime) -> str:
    """Such as: 2026-11-24 11:04:09 CET (Europe/Berlin)."""
    here = timezone.localtime(at)
    return f"{here:%Y-%m-%d %H:%M:%S %Z} ({timezone.get_current_timezone_name()})"


def place() -> str:
    """The zone in which times are shown, as people name it: Berlin, New York, UTC."""
    return timezone.get_current_timezone_name().rpartition("/")[2].replace("_", " ")
