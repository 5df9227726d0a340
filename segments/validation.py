"""What may be stored: each check names the value and the way out. Shared by forms, the policy file and the rows."""

import re
from typing import Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import idna
from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from accounts.networks import network_problem
from segments.gateway.sites import UpstreamError, parse_upstream

LOCAL: Final = ("localhost", "127.0.0.1", "[::1]", "::1")
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
HOURS_KEYS: Final = frozenset({"days", "from", "to", "tz"})
CLOCK: Final = re.compile(r"([01][0-9]|2[0-3]):[0-5][0-9]|24:00")
ACTION: Final = re.compile(r"[a-z][a-z0-9_.:-]{0,63}")
PORT: Final = re.compile(r"(tcp|udp|sctp)/([0-9]{1,5})(?:-([0-9]{1,5}))?")


def refuse(message: Any, **params: Any) -> ValidationError:
    return ValidationError(message, code="invalid", params=params)


def validate_networks(value: Any) -> None:
    """A list of CIDRs without host bits."""
    for text in _list_of_text(value):
        if problem := network_problem(text):
            raise ValidationError(problem, code="invalid")


def validate_hours(value: Any) -> None:
    """None, or {"days": ["mon", …], "from": "07:00", "to": "19:00", "tz": "Europe/Berlin"}."""
    if value is None:
        return
    if not isinstance(value, dict) or set(value) != HOURS_KEYS:
        raise refuse(_("Hours need exactly days, from, to and tz."))
    _validate_days(value["days"])
    for name in ("from", "to"):
        if not isinstance(value[name], str) or not CLOCK.fullmatch(value[name]):
            raise refuse(_("“%(value)s” is not a time of day: write it as 07:00."), value=value[name])
    if value["from"] >= value["to"]:
        raise refuse(
            _("The hours end (%(to)s) before they start (%(start)s): for a night, use two grants."),
            to=value["to"],
            start=value["from"],
        )
    validate_time_zone(value["tz"])


def _validate_days(days: Any) -> None:
    for day in _list_of_text(days):
        if day not in DAYS:
            raise refuse(_("“%(value)s” is not a day: use %(days)s."), value=day, days=", ".join(DAYS))
    if not days or len(set(days)) != len(days):
        raise refuse(_("Name at least one day, and each day once."))


def validate_time_zone(value: Any) -> None:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise refuse(
            _("“%(value)s” is not a time zone: use an IANA name such as Europe/Berlin."), value=value
        ) from None


def validate_actions(value: Any) -> None:
    actions = _list_of_text(value)
    if not actions or len(set(actions)) != len(actions):
        raise refuse(_("Name at least one action, and each action once: read, write, or the name of your own."))
    for action in actions:
        if not ACTION.fullmatch(action):
            raise refuse(_("“%(value)s” is not an action: use lower-case letters, digits and _ . : -"), value=action)


def validate_methods(value: Any) -> None:
    """None for every method, or a list of HTTP methods."""
    if value is None:
        return
    methods = _list_of_text(value)
    if not methods:
        raise refuse(_("Name at least one method, or leave it out for all methods."))
    for method in methods:
        if not re.fullmatch(r"[A-Z][A-Z-]{0,31}", method) or method in {"TRACE", "TRACK", "CONNECT"}:
            raise refuse(_("“%(value)s” is not a method that can be allowed: write it as GET."), value=method)


def validate_upstream(value: Any) -> None:
    """Scheme, host and port, as every gateway needs it."""
    try:
        parse_upstream(value)
    except UpstreamError as error:
        raise ValidationError(str(error), code="invalid") from None


def validate_ports(value: Any) -> None:
    """A list such as ["tcp/5432", "udp/4000-4010"]."""
    ports = _list_of_text(value)
    if not ports:
        raise refuse(_("Name at least one port: write it as tcp/5432."))
    for text in ports:
        found = PORT.fullmatch(text)
        if not found or not 1 <= int(found[2]) <= int(found[3] or found[2]) <= 65535:
            raise refuse(_("“%(value)s” is not a port: write it as tcp/5432 or udp/4000-4010."), value=text)


def validate_labels(value: Any) -> None:
    """A flat mapping of Kubernetes labels."""
    if not isinstance(value, dict) or not all(
        isinstance(part, str) and part for item in value.items() for part in item
    ):
        raise refuse(_("Labels are pairs of text, such as app: db."))


def host_in_a_form(value: str) -> str:
    """`value` as it is stored: lower case, IDN in A-form, no trailing dot; `*.` in front covers one label."""
    text = value.strip().rstrip(".") if value.endswith(".") else value.strip()
    prefix, name = ("*.", text[2:]) if text.startswith("*.") else ("", text)
    try:
        return prefix + (
            name.lower() if name.isascii() else idna.encode(name, uts46=True, std3_rules=True).decode().lower()
        )
    except idna.IDNAError as error:
        raise refuse(_("“%(value)s” is not a host name: %(why)s."), value=value, why=error) from None


def application_host(value: str) -> str:
    """`value` as the host of a web application is stored. The portal's own is refused."""
    host = host_in_a_form(value)
    if is_portal_host(host):
        raise refuse(
            _(
                "“%(value)s” is the portal's own host (ZT_PORTAL_URL): browsers would send an application there the "
                "portal's cookie, whatever the port. Give the application a host of its own."
            ),
            value=value,
        )
    return host


def is_local(host: str) -> bool:
    """Whether a host is this very machine, for every browser: the one place where plain http crosses no network."""
    return host in LOCAL or host.endswith(".localhost")


def is_portal_host(host: str) -> bool:
    """Whether `host`, as it is stored, is the name in ZT_PORTAL_URL. Cookies know hosts, not ports (RFC 6265, 8.5)."""
    return bool(host) and host == portal_host()


def is_wildcard_over_portal(host: str) -> bool:
    return host.startswith("*.") and host[2:] == portal_host().partition(".")[2]


def portal_host() -> str:
    """The host that browsers know the portal by; empty where ZT_PORTAL_URL is."""
    return (urlsplit(settings.ZT_PORTAL_URL).hostname or "").rstrip(".")


def _list_of_text(value: Any) -> list[str]:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise refuse(_("Expected a list of texts."))
    return value
