"""What may be stored: each refusal names the value and the way out."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from pytest_django import Settings

from segments import validation

HOURS = {"days": ["mon", "tue"], "from": "07:00", "to": "19:00", "tz": "Europe/Berlin"}

GOOD: list[tuple[Callable[[Any], object], Any]] = [
    (validation.validate_networks, []),
    (validation.validate_networks, ["10.0.0.0/8", "2001:db8::/32", "192.0.2.7/32"]),
    (validation.validate_hours, None),
    (validation.validate_hours, HOURS),
    (validation.validate_hours, HOURS | {"to": "24:00"}),
    (validation.validate_actions, ["read", "write"]),
    (validation.validate_actions, ["approve.payment"]),
    (validation.validate_methods, None),
    (validation.validate_methods, ["GET", "VERSION-CONTROL"]),
    (validation.validate_ports, ["tcp/5432", "udp/4000-4010"]),
    (validation.validate_labels, {"app": "db"}),
]

BAD: list[tuple[Callable[[Any], object], Any, str]] = [
    (validation.validate_networks, ["10.0.0.5/8"], "“10.0.0.5/8” has host bits set: write 10.0.0.0/8."),
    (validation.validate_networks, ["ten"], "“ten” is not a network: write it as 10.0.0.0/8 or 2001:db8::/32."),
    (validation.validate_networks, "10.0.0.0/8", "Expected a list of texts."),
    (validation.validate_hours, {"from": "07:00"}, "Hours need exactly days, from, to and tz."),
    (
        validation.validate_hours,
        HOURS | {"days": ["monday"]},
        "“monday” is not a day: use mon, tue, wed, thu, fri, sat, sun.",
    ),
    (validation.validate_hours, HOURS | {"days": []}, "Name at least one day, and each day once."),
    (validation.validate_hours, HOURS | {"days": ["mon", "mon"]}, "Name at least one day, and each day once."),
    (validation.validate_hours, HOURS | {"from": "7"}, "“7” is not a time of day: write it as 07:00."),
    (
        validation.validate_hours,
        HOURS | {"from": "22:00", "to": "06:00"},
        "The hours end (06:00) before they start (22:00): for a night, use two grants.",
    ),
    (
        validation.validate_hours,
        HOURS | {"tz": "Europe/Nowhere"},
        "“Europe/Nowhere” is not a time zone: use an IANA name such as Europe/Berlin.",
    ),
    (
        validation.validate_actions,
        [],
        "Name at least one action, and each action once: read, write, or the name of your own.",
    ),
    (validation.validate_actions, ["Read!"], "“Read!” is not an action: use lower-case letters, digits and _ . : -"),
    (validation.validate_methods, [], "Name at least one method, or leave it out for all methods."),
    (validation.validate_methods, ["get"], "“get” is not a method that can be allowed: write it as GET."),
    (validation.validate_methods, ["TRACE"], "“TRACE” is not a method that can be allowed: write it as GET."),
    (validation.validate_ports, ["5432"], "“5432” is not a port: write it as tcp/5432 or udp/4000-4010."),
    (validation.validate_ports, ["tcp/70000"], "“tcp/70000” is not a port: write it as tcp/5432 or udp/4000-4010."),
    (validation.validate_ports, ["tcp/20-10"], "“tcp/20-10” is not a port: write it as tcp/5432 or udp/4000-4010."),
    (validation.validate_labels, {"app": 1}, "Labels are pairs of text, such as app: db."),
]


@pytest.mark.parametrize(("check", "value"), GOOD)
def test_accepted(check: Callable[[Any], object], value: Any) -> None:
    check(value)


@pytest.mark.parametrize(("check", "value", "message"), BAD)
def test_refused(check: Callable[[Any], object], value: Any, message: str) -> None:
    with pytest.raises(ValidationError) as caught:
        check(value)
    assert caught.value.messages == [message]


@pytest.mark.parametrize(
    ("typed", "stored"),
    [
        ("Ledger.Example.TEST", "ledger.example.test"),
        ("ledger.example.test.", "ledger.example.test"),
        ("bücher.example.test", "xn--bcher-kva.example.test"),
        ("*.bücher.example.test", "*.xn--bcher-kva.example.test"),
    ],
)
def test_hosts_are_stored_in_a_form(typed: str, stored: str) -> None:
    assert validation.host_in_a_form(typed) == stored


def test_a_host_that_idna_refuses() -> None:
    with pytest.raises(ValidationError) as caught:
        validation.host_in_a_form("☃☃_.example.test")
    assert caught.value.messages[0].startswith("“☃☃_.example.test” is not a host name: ")


@pytest.mark.parametrize(
    ("url", "typed", "refused"),
    [
        ("https://portal.example.test", "portal.example.test", True),
        ("https://portal.example.test", "Portal.Example.test.", True),
        ("https://portal.example.test:8443", "portal.example.test", True),
        ("https://portal.example.test.", "portal.example.test", True),
        ("http://localhost:8000", "localhost", True),
        ("https://portal.example.test", "ledger.example.test", False),
        ("https://portal.example.test", "example.test", False),
        ("https://portal.example.test", "x.portal.example.test", False),
        ("https://portal.example.test", "*.example.test", False),  # a check warns of it
        ("https://portal.example.test", "", False),
        ("", "portal.example.test", False),
        ("", "", False),
    ],
)
def test_an_application_is_not_on_the_portals_host(settings: Settings, url: str, typed: str, refused: bool) -> None:
    settings.ZT_PORTAL_URL = url
    if not refused:
        assert validation.application_host(typed) == typed
        return
    with pytest.raises(ValidationError) as caught:
        validation.application_host(typed)
    (message,) = caught.value.messages
    assert message == (
        f"“{typed}” is the portal's own host (ZT_PORTAL_URL): browsers would send an application there the portal's "
        "cookie, whatever the port. Give the application a host of its own."
    )
