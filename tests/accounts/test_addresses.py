"""The client address is the right-most hop that no trusted proxy stands for."""

from ipaddress import ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from accounts.addresses import neighbourhood, parse_address, right_most_untrusted

PROXIES = (ip_network("10.0.0.10/32"), ip_network("10.0.1.0/24"), ip_network("2001:db8:ffff::/64"))

CASES = [
    # peer, X-Forwarded-For, what it means
    ("203.0.113.7", "", "203.0.113.7"),
    ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # not a proxy: believed about nobody but itself
    ("10.0.0.11", "198.51.100.1", "10.0.0.11"),  # the neighbour of a proxy is no proxy
    ("10.0.0.10", "", "10.0.0.10"),
    ("10.0.0.10", "198.51.100.1", "198.51.100.1"),
    ("10.0.0.10", "198.51.100.1, 203.0.113.7", "203.0.113.7"),  # the left end is what the client made up
    ("10.0.0.10", "203.0.113.7, 10.0.1.5", "203.0.113.7"),
    ("10.0.0.10", "10.0.1.6, 10.0.1.5", "10.0.1.6"),  # only proxies: the first of them
    ("10.0.0.10", "203.0.113.7,10.0.1.5", "203.0.113.7"),
    ("10.0.0.10", "203.0.113.7, unknown", "10.0.0.10"),
    ("10.0.0.10", "203.0.113.7, unknown, 10.0.1.5", "10.0.1.5"),
    ("10.0.0.10", "203.0.113.7:443", "10.0.0.10"),  # no address: the hop that says so is the last one known
    ("10.0.0.10", "203.0.113.007", "10.0.0.10"),
    ("10.0.0.10", ", ,", "10.0.0.10"),
    ("10.0.0.10", "127.0.0.1", "127.0.0.1"),
    ("::ffff:10.0.0.10", "::ffff:203.0.113.7", "203.0.113.7"),  # an IPv4-mapped address is its IPv4 address
    ("2001:db8:ffff::1", "2001:db8::7", "2001:db8::7"),
    ("2001:db8:ffff::1", "fe80::1%eth0", "2001:db8:ffff::1"),
    ("", "203.0.113.7", None),  # a Unix socket
    ("not an address", "203.0.113.7", None),
]


@pytest.mark.parametrize(("peer", "forwarded_for", "expected"), CASES)
def test_client_address(peer: str, forwarded_for: str, expected: str | None) -> None:
    assert right_most_untrusted(peer, forwarded_for, PROXIES) == (ip_address(expected) if expected else None)


def test_nobody_is_believed_without_configured_proxies() -> None:
    assert right_most_untrusted("10.0.0.10", "203.0.113.7", ()) == ip_address("10.0.0.10")


@given(st.text(max_size=60), st.lists(st.ip_addresses() | st.text(max_size=12), max_size=6))
def test_what_a_client_sends_never_changes_what_a_proxy_saw(made_up: str, more: list[object]) -> None:
    header = ", ".join([made_up, *map(str, more), "203.0.113.7"])
    assert right_most_untrusted("10.0.0.10", header, PROXIES) == ip_address("203.0.113.7")


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("203.0.113.255", "203.0.113.0/24"),
        ("203.0.114.0", "203.0.114.0/24"),
        ("2001:db8:0:12ff::1", "2001:db8:0:1200::/56"),
        ("2001:db8:0:1300::1", "2001:db8:0:1300::/56"),
    ],
)
def test_neighbourhood(address: str, expected: str) -> None:
    assert neighbourhood(parse_address(address)) == expected


def test_no_address_has_an_empty_neighbourhood() -> None:
    assert neighbourhood(None) == ""
