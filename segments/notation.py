"""Times and durations as people write them, and stored values as plain data. Reading raises ValueError."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_DURATION: Final = re.compile(
    r"(?=[0-9])(?:([0-9]{1,5})d)?(?:([0-9]{1,5})h)?(?:([0-9]{1,6})m)?(?:([0-9]{1,8}(?:\.[0-9]{1,6})?)s)?"
)


def moment(text: str) -> datetime:
    """An aware time in UTC, from ISO 8601 with an offset."""
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError:
        raise ValueError(f"`{text}` is not a time: write it as 2026-12-24T00:00:00Z") from None
    if at.utcoffset() is None:
        raise ValueError(f"`{text}` has no time zone: add Z or an offset, as in 2026-12-24T00:00:00Z")
    try:
        return at.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"`{text}` is out of range: give a year from 1 to 9999") from None


def duration(text: str) -> timedelta:
    """A length of time such as 15m, 1h30m, 45s or 2d."""
    found = _DURATION.fullmatch(text)
    if found is None:
        raise ValueError(f"`{text}` is not a duration: write it as 15m, 1h30m, 45s or 2d")
    days, hours, minutes, seconds = (part or "0" for part in found.groups())
    whole, _, fraction = seconds.partition(".")
    microseconds = int(fraction.ljust(6, "0")) if fraction else 0
    return timedelta(
        days=int(days), hours=int(hours), minutes=int(minutes), seconds=int(whole), microseconds=microseconds
    )


def duration_text(length: timedelta) -> str:
    """The one way a duration is written: 1h30m, not 90m."""
    minutes, seconds = divmod(length.seconds, 60)
    hours, minutes = divmod(minutes, 60)
    fraction = f".{length.microseconds:06}".rstrip("0") if length.microseconds else ""
    parts = (
        (length.days, "d"),
        (hours, "h"),
        (minutes, "m"),
        (f"{seconds}{fraction}" if seconds or fraction else 0, "s"),
    )
    return "".join(f"{count}{unit}" for count, unit in parts if count) or "0s"


def moment_text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def plain(value: Any) -> Any:
    """A value as JSON can hold it."""
    if isinstance(value, datetime):
        return moment_text(value)
    if isinstance(value, timedelta):
        return duration_text(value)
    if isinstance(value, Mapping):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return value
