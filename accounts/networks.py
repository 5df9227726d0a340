"""Networks as staff write them, and what lies in them."""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from django.utils.translation import gettext as _

from accounts.addresses import Address, Network


def network_problem(text: str) -> str:
    """What is wrong with a CIDR and what to write instead; empty where nothing is."""
    try:
        ip_network(text)
    except ValueError:
        try:
            network = ip_network(text, strict=False)
        except ValueError:
            return _("“%(value)s” is not a network: write it as 10.0.0.0/8 or 2001:db8::/32.") % {"value": text}
        return _("“%(value)s” has host bits set: write %(network)s.") % {"value": text, "network": network}
    return ""


def lies_within(address: Address | None, networks: Any) -> bool:
    """Whether a stored list of CIDRs holds `address`. The empty list is everywhere; no address lies in no network.

    `address` is as `parse_address` gives it; an IPv4-mapped network is its IPv4 network too. What is no list of
    networks holds nothing.
    """
    if not isinstance(networks, list):
        return False
    if not networks:
        return True
    return address is not None and any(network and address in network for network in map(_network, networks))


def _network(text: Any) -> Network | None:
    try:
        network = ip_network(text) if isinstance(text, str) else None
    except ValueError:
        return None
    if not isinstance(network, IPv6Network) or network.network_address.ipv4_mapped is None or network.prefixlen < 96:
        return network
    return IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - 96))
