"""Where a request comes from, believed only as far as configured proxies vouch for it."""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TypeAlias

from django.conf import settings
from django.http import HttpRequest

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


def right_most_untrusted(peer: str, forwarded_for: str, trusted: Sequence[Network]) -> Address | None:
    """The right-most hop that no trusted proxy stands for.

    `peer` is the other end of the connection, `forwarded_for` the text of X-Forwarded-For. Only a trusted hop is
    believed about the hop before it; where it says something that is no address, its own address is the answer.
    """
    address = parse_address(peer)
    for hop in reversed(forwarded_for.split(",")):
        if address is None or not any(address in network for network in trusted):
            return address
        told = parse_address(hop.strip())
        if told is None:
            return address
        address = told
    return address


def client_address(request: HttpRequest) -> Address | None:
    """Where `request` comes from. None where that cannot be said, as behind a Unix socket."""
    return right_most_untrusted(
        request.META.get("REMOTE_ADDR", ""), request.META.get("HTTP_X_FORWARDED_FOR", ""), settings.ZT_TRUSTED_PROXIES
    )


def parse_address(text: str) -> Address | None:
    """`text` as an address: no port, no scope id; an IPv4-mapped IPv6 address is its IPv4 address."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    if isinstance(address, IPv4Address):
        return address
    return None if address.scope_id else address.ipv4_mapped or address


def neighbourhood(address: Address | None) -> str:
    """The network that is taken for one guesser: /24, or /56 as a household gets it; empty for no address."""
    if address is None:
        return ""
    return str(ip_network((address, 24 if address.version == 4 else 56), strict=False))
