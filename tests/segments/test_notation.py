"""Times and durations as people write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from segments.notation import duration, duration_text, moment, moment_text, plain


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("15m", timedelta(minutes=15)),
        ("1h30m", timedelta(minutes=90)),
        ("45s", timedelta(seconds=45)),
        ("2d", timedelta(days=2)),
        ("1d2h3m4.5s", timedelta(days=1, hours=2, minutes=3, seconds=4, milliseconds=500)),
        ("0s", timedelta()),
    ],
)
def test_a_duration_is_read(text: str, length: timedelta) -> None:
    assert duration(text) == length


@pytest.mark.parametrize("text", ["", "15", "m", "15 m", "15M", "-5m", "5m1h", "1.5h", "1e3s", "999999d", "٣m"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is not a duration: write it as 15m, 1h30m, 45s or 2d"):
        duration(text)


@given(st.timedeltas(min_value=timedelta(), max_value=timedelta(days=99999)))
def test_a_duration_is_written_so_that_it_is_read_again(length: timedelta) -> None:
    assert duration(duration_text(length)) == length


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-12-24T00:00:00Z", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24T01:00:00+01:00", datetime(2026, 12, 24, tzinfo=UTC)),
        ("2026-12-24 00:00:00.5+00:00", datetime(2026, 12, 24, microsecond=500_000, tzinfo=UTC)),
    ],
)
def test_a_moment_is_read_in_utc(text: str, at: datetime) -> None:
    found = moment(text)
    assert (found, found.tzinfo) == (at, UTC)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("2026-12-24T00:00:00", "has no time zone: add Z or an offset"),
        ("2026-12-24", "has no time zone"),
        ("24.12.2026", "is not a time: write it as 2026-12-24T00:00:00Z"),
        ("2026-02-30T00:00:00Z", "is not a time"),
        ("0001-01-01T00:00:00+01:00", "is out of range"),
    ],
)
def test_what_is_no_moment_is_refused(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        moment(text)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_moment_is_written_so_that_it_is_read_again(at: datetime) -> None:
    assert moment(moment_text(at)) == at


def test_plain_data_holds_only_what_json_can() -> None:
    value = {"at": datetime(2026, 12, 24, tzinfo=UTC), "age": timedelta(minutes=90), "list": (1, None, "x")}
    assert plain(value) == {"at": "2026-12-24T00:00:00Z", "age": "1h30m", "list": [1, None, "x"]}
