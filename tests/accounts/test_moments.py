"""Times as people say them."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.template import Context, Template
from django.utils import timezone

from accounts import moments

NOW = datetime(2026, 11, 24, 10, 4, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("past", "said"),
    [
        (timedelta(seconds=-1), "just now"),
        (timedelta(seconds=59), "just now"),
        (timedelta(seconds=60), "1 minute ago"),
        (timedelta(minutes=12, seconds=40), "12 minutes ago"),
        (timedelta(hours=25), "1 day ago"),
    ],
)
def test_ago(past: timedelta, said: str) -> None:
    assert moments.ago(NOW - past, NOW).replace("\xa0", " ") == said


@pytest.mark.parametrize(
    ("remaining", "said"),
    [
        (timedelta(seconds=-5), "ends now"),
        (timedelta(seconds=59), "ends now"),
        (timedelta(minutes=40), "40 minutes left"),
        (timedelta(hours=23, minutes=59), "23 hours left"),
        (timedelta(days=1), "1 day left"),
        (timedelta(days=31, hours=23), "31 days left"),
        (timedelta(days=400), "400 days left"),
    ],
)
def test_left(remaining: timedelta, said: str) -> None:
    assert moments.left(NOW + remaining, NOW).replace("\xa0", " ") == said


def test_exact_moment_and_place_name_the_zone() -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert moments.exact(NOW) == "2026-11-24 11:04:09 CET (Europe/Berlin)"
        assert moments.place() == "Berlin"
    with timezone.override(ZoneInfo("America/New_York")):
        assert moments.exact(NOW) == "2026-11-24 05:04:09 EST (America/New_York)"
        assert moments.place() == "New York"
    with timezone.override(UTC):
        assert moments.exact(NOW) == "2026-11-24 10:04:09 UTC (UTC)"
        assert moments.place() == "UTC"


def test_a_page_says_when_with_the_zone_and_the_exact_moment_on_hover() -> None:
    with timezone.override(ZoneInfo("Europe/Berlin")):
        said = Template('{% include "parts/when.html" %}').render(Context({"at": NOW}))
    assert said == (
        '<time datetime="2026-11-24T11:04:09+01:00" title="2026-11-24 11:04:09 CET (Europe/Berlin)">'
        "24 Nov 2026, 11:04 (Berlin)</time>"
    )
