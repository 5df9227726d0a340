"""Run inside `manage.py shell`: every configuration that the gateway command renders, in one process."""

from collections.abc import Mapping
from pathlib import Path

from django.core.management import call_command
from django.test import override_settings


def render(ports: Mapping[str, int], folder: str) -> None:
    """Write the files of each proxy into a folder of its name."""
    for name, port in ports.items():
        with override_settings(ZT_GATEWAY_LISTEN=f"127.0.0.1:{port}"):
            call_command("gateway", "render", name, out=Path(folder, name))
