"""Conditions that narrow a grant or a segment: networks, hours of the week, windows of validity.

An empty condition holds for everybody. Every window includes its start and excludes its end.
"""

from dataclasses import dataclass
from datetime import datetime, time
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final
from zoneinfo import ZoneInfo

IPAddress = IPv4Address | IPv6Address
IPNetwork = IPv4Network | IPv6Network

MIDNIGHT: Final = time(0)
_WEEK: Final = frozenset(range(7))
_MAPPED: Final = IPv6Network("::ffff:0:0/96")


@dataclass(frozen=True, slots=True)
class Hours:
    """Hours of the week on the wall clock of one time zone, daylight saving included.

    `days` counts from Monday = 0. `start` is included, `end` is not; `end` 00:00 is the end of that day (24:00).
    A window over midnight is two windows. Raises ValueError for an empty or backward window.
    """

    days: frozenset[int]
    start: time
    end: time
    zone: ZoneInfo

    def __post_init__(self) -> None:
        if not self.days or not self.days <= _WEEK:
            raise ValueError(f"days `{sorted(self.days)}` are not days of the week: use 0 (Monday) to 6 (Sunday)")
        if self.start.tzinfo is not None or self.end.tzinfo is not None:
            raise ValueError("hours carry their own time zone: give it as the zone of the window")
        if self.end != MIDNIGHT and self.end <= self.start:
            raise ValueError(f"hours end `{self.end:%H:%M}` before they start `{self.start:%H:%M}`: split at midnight")

    def covers(self, at: datetime) -> bool:
        """Tell whether the aware time `at` falls into the window."""
        local = at.astimezone(self.zone)
        if local.weekday() not in self.days:
            return False
        clock = local.time()
        return self.start <= clock and (self.end == MIDNIGHT or clock < self.end)


def plain_address(address: IPAddress) -> IPAddress:
    """Return the IPv4 address behind an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2); any other as it is."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def plain_networks(networks: tuple[IPNetwork, ...]) -> tuple[IPNetwork, ...]:
    """Return the networks with IPv4-mapped ones in IPv4 form. Raises ValueError for anything that is no network."""
    return tuple(_plain_network(network) for network in networks)


def _plain_network(network: IPNetwork) -> IPNetwork:
    if isinstance(network, IPv4Network):
        return network
    if not isinstance(network, IPv6Network):
        raise ValueError(f"`{network}` is not a network: use a CIDR such as 10.0.0.0/8")  # noqa: TRY004 (our one error)
    if not network.subnet_of(_MAPPED):
        return network
    mapped = network.network_address.ipv4_mapped
    return ip_network(f"{mapped}/{network.prefixlen - 96}")


def covers_address(networks: tuple[IPNetwork, ...], address: IPAddress | None) -> bool:
    """Tell whether the networks hold the address. No networks hold every address; an unknown address is in none."""
    if not networks:
        return True
    return address is not None and any(address in network for network in networks)
