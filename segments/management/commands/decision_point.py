"""`manage.py decision_point`: serve the decision point with the options that it depends on, none forgotten."""

import os
from argparse import ArgumentTypeError
from typing import Any, Final

import uvicorn
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

MOST_WORKERS: Final = 64


class Command(BaseCommand):
    help = "Serve the decision point (ASGI) at ZT_DECISION_POINT."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--workers", type=_workers, default=1, metavar="N", help=_("processes (default: 1)"))

    def handle(self, *, workers: int, **_options: Any) -> None:
        if not settings.ZT_PORTAL_URL:
            raise CommandError(_("ZT_PORTAL_URL is empty: set it to the address of the portal, where people sign in"))
        if not settings.ZT_TRUSTED_PROXIES:
            self.stderr.write(
                _("ZT_TRUSTED_PROXIES is empty, so everybody is refused: name the addresses of your proxies."),
                lambda line: line,
            )
        host, _colon, port = settings.ZT_DECISION_POINT.rpartition(":")
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ztproject.settings")
        uvicorn.run(
            "ztproject.asgi:application",
            host=host.strip("[]"),
            port=int(port),
            workers=workers,
            loop="uvloop",
            http="ztproject.request_head:Protocol",  # the head as it was sent, or not at all
            ws="none",  # a question about a websocket is an ordinary request here
            proxy_headers=False,  # who is behind the proxies is found where a decision is taken
            server_header=False,
            timeout_keep_alive=75,  # longer than proxies keep a connection that idles: none of them meets a closed one
            access_log=False,  # the ledger has every decision
            log_level="error",
        )


def _workers(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) <= MOST_WORKERS):
        raise ArgumentTypeError(f"`{text}` is no number from 1 to {MOST_WORKERS}")
    return int(text)
