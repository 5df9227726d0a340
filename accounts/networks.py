"""Networks as staff write them."""

from ipaddress import ip_network

from django.utils.translation import gettext as _


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
