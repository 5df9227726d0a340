"""Hours, networks, addresses: the edges of every window."""

from dataclasses import replace
from datetime import UTC, datetime, time
from ipaddress import ip_address, ip_network
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from segments.policy.conditions import Hours, covers_address, plain_address
from tests.segments.policy.cast import exactly

BERLIN = ZoneInfo("Europe/Berlin")
WORKDAYS = frozenset(range(5))
OFFICE = Hours(WORKDAYS, time(7), time(19), BERLIN)


def berlin(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        ("2026-11-24T06:59:59.999999", False),
        ("2026-11-24T07:00:00", True),
        ("2026-11-24T18:59:59.999999", True),
        ("2026-11-24T19:00:00", False),
        ("2026-11-27T12:00:00", True),
        ("2026-11-28T12:00:00", False),  # Saturday
        ("2026-11-23T12:00:00", True),
    ],
)
def test_hours_include_their_start_and_exclude_their_end(at: str, covered: bool) -> None:
    assert OFFICE.covers(berlin(at)) is covered


@pytest.mark.parametrize(
    ("at", "covered"),
    [
        ("2026-07-01T04:59:00", False),
        ("2026-07-01T05:00:00", True),  # summer: UTC+2
        ("2026-12-01T05:59:00", False),
        ("2026-12-01T06:00:00", True),  # winter: UTC+1
    ],
)
def test_hours_follow_the_clock_of_their_zone(at: str, covered: bool) -> None:
    assert OFFICE.covers(datetime.fromisoformat(at).replace(tzinfo=UTC)) is covered


def test_the_day_is_that_of_the_zone() -> None:
    tokyo = Hours(frozenset({0}), time(0), time(9), ZoneInfo("Asia/Tokyo"))
    assert tokyo.covers(datetime(2026, 11, 22, 15, tzinfo=UTC))  # Monday there, Sunday here
    assert not tokyo.covers(datetime(2026, 11, 23, 15, tzinfo=UTC))


@pytest.mark.parametrize(
    ("at", "covered"),
    [("21:59:59", False), ("22:00:00", True), ("23:59:59.999999", True), ("00:00:00", False)],
)
def test_an_end_at_midnight_is_the_end_of_the_day(at: str, covered: bool) -> None:
    evening = Hours(frozenset({1}), time(22), time(0), BERLIN)
    assert evening.covers(berlin(f"2026-11-24T{at}")) is covered


@pytest.mark.parametrize(
    ("parts", "error"),
    [
        ({"days": frozenset()}, "days `[]` are not days of the week: use 0 (Monday) to 6 (Sunday)"),
        ({"days": frozenset({7})}, "days `[7]` are not days of the week: use 0 (Monday) to 6 (Sunday)"),
        ({"end": time(7)}, "hours end `07:00` before they start `07:00`: split at midnight"),
        ({"end": time(6)}, "hours end `06:00` before they start `07:00`: split at midnight"),
        ({"start": time(7, tzinfo=UTC)}, "hours carry their own time zone: give it as the zone of the window"),
    ],
)
def test_an_empty_or_backward_window_is_refused(parts: dict[str, Any], error: str) -> None:
    with pytest.raises(ValueError, match=exactly(error)):
        replace(OFFICE, **parts)


@pytest.mark.parametrize(
    ("networks", "address", "covered"),
    [
        ((), "203.0.113.9", True),
        ((), None, True),
        (("10.0.0.0/8",), "10.255.255.255", True),
        (("10.0.0.0/8",), "11.0.0.0", False),
        (("10.0.0.0/8",), "9.255.255.255", False),
        (("10.0.0.0/8",), None, False),
        (("10.0.0.0/8", "192.0.2.1/32"), "192.0.2.1", True),
        (("10.0.0.0/8", "192.0.2.1/32"), "192.0.2.2", False),
        (("2001:db8::/32",), "2001:db8::1", True),
        (("2001:db8::/32",), "2001:db9::1", False),
        (("0.0.0.0/0",), "2001:db8::1", False),
        (("::/0",), "10.0.0.1", False),
    ],
)
def test_networks_hold_what_lies_in_them(networks: tuple[str, ...], address: str | None, covered: bool) -> None:
    known = None if address is None else ip_address(address)
    assert covers_address(tuple(map(ip_network, networks)), known) is covered


def test_only_a_mapped_address_changes() -> None:
    assert plain_address(ip_address("::ffff:10.1.2.3")) == ip_address("10.1.2.3")
    assert plain_address(ip_address("::10.1.2.3")) == ip_address("::10.1.2.3")
    assert plain_address(ip_address("10.1.2.3")) == ip_address("10.1.2.3")
