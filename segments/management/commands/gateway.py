"""`manage.py gateway`: run Envoy in front of the stored applications, or print a configuration for a proxy."""

import asyncio
import os
import sys
import tempfile
from argparse import ArgumentTypeError
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.db import DatabaseError
from django.utils.translation import gettext as _

from segments.gateway import caddy, envoy, haproxy, nginx, traefik
from segments.gateway.placement import Address, Placement, UnwritableError
from segments.gateway.process import NotInstalledError, program
from segments.gateway.running import Gateway, GatewayError, stored_sites
from segments.gateway.sites import Site, UpstreamError
from segments.management.policy_verbs.output import Exit, Output, VerbError
from segments.snapshot import SnapshotError

RENDERERS: Final[dict[str, Callable[[Sequence[Site], Placement], dict[str, str]]]] = {
    "nginx": nginx.render,
    "caddy": caddy.render,
    "traefik": traefik.render,
    "haproxy": haproxy.render,
    "envoy": envoy.render,
}
EPILOG: Final = "Exit codes: 0 done, 1 failed, 2 usage."
AUTHORITIES: Final = (  # where systems keep the certificates they believe, the most common first
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/cert.pem",
)
COMMENT: Final = {".lua": "--"}


class Command(BaseCommand):
    help = "Run the gateway; or, with `render`, print a configuration for a proxy of yours."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.epilog = EPILOG
        parser.add_argument(
            "--ask-again",
            type=_seconds,
            default=envoy.RE_ASK_SECONDS,
            metavar="SECONDS",
            help=_("how often a connection that stays open is asked about again (default: %(default)s)"),
        )
        parser.add_argument(
            "--log-level", default="error", choices=("critical", "error", "warning", "info", "debug"), help=_("Envoy's")
        )
        verbs = parser.add_subparsers(dest="verb", metavar="VERB")
        text = "print a configuration for a proxy of yours"
        render = verbs.add_parser("render", help=text, description=text)
        render.add_argument("proxy", choices=tuple(RENDERERS))
        render.add_argument("--out", type=Path, metavar="DIR", help=_("write the files there instead"))

    def handle(self, *, verb: str | None, **options: Any) -> None:
        output = Output(self.stdout, self.stderr)
        try:
            if verb == "render":
                render(options["proxy"], options["out"], output)
            else:
                run(options["ask_again"], options["log_level"], output)
        except (VerbError, GatewayError, NotInstalledError, UnwritableError, UpstreamError) as error:
            output.complain(str(error))
            sys.exit(Exit.FAILED)


def render(proxy: str, folder: Path | None, output: Output) -> None:
    """The files of a proxy: in a folder, or one after the other."""
    placement = configured_placement()
    if settings.ZT_TLS and not placement.is_encrypted:
        output.say(_("ZT_TLS is on and ZT_GATEWAY_CERTIFICATE is not set: this listens without TLS; add yours to it."))
    try:
        files = RENDERERS[proxy](stored_sites(), placement)
    except (DatabaseError, LookupError, SnapshotError) as error:
        raise VerbError(_("the stored policy cannot be read: %s") % error) from error
    for name, text in files.items():
        if folder:
            _write(folder, name, text, output)
            continue
        if len(files) > 1:
            output.data(f"{COMMENT.get(Path(name).suffix, '#')} ==== {name}")
        output.data(text.rstrip("\n"))


def _write(folder: Path, name: str, text: str, output: Output) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    except OSError as error:
        raise VerbError(f"{folder / name}: {error.strerror}") from error
    output.say(str(folder / name))


def run(ask_again: float, log_level: str, output: Output) -> None:
    """Serve until a signal comes."""
    placement = configured_placement()
    if settings.ZT_TLS and not placement.is_encrypted:
        raise VerbError(
            _("ZT_TLS is on, so the gateway needs ZT_GATEWAY_CERTIFICATE and ZT_GATEWAY_KEY: name two PEM files.")
        )
    program()  # before anything else: without Envoy nothing here is of use
    with tempfile.TemporaryDirectory(prefix="zt-gateway-", ignore_cleanup_errors=True) as folder:
        gateway = Gateway(placement, Path(folder), re_ask_seconds=ask_again, say=output.say, log_level=log_level)
        output.say(_("gateway on %(scheme)s://%(address)s") % {"scheme": placement.scheme, "address": placement.listen})
        asyncio.run(gateway.run())


def configured_placement() -> Placement:
    """Where the settings say that the gateway listens and asks. Raises UnwritableError."""
    return Placement(
        listen=Address.parse(settings.ZT_GATEWAY_LISTEN),
        decision_point=Address.parse(settings.ZT_DECISION_POINT),
        certificate=settings.ZT_GATEWAY_CERTIFICATE,
        key=settings.ZT_GATEWAY_KEY,
        authorities=os.environ.get("SSL_CERT_FILE")  # as OpenSSL has it: an authority of one's own
        or next((path for path in AUTHORITIES if Path(path).is_file()), AUTHORITIES[0]),
    )


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not 0.1 <= value <= envoy.RE_ASK_SECONDS:
        raise ArgumentTypeError(f"`{text}` is not between 0.1 and {envoy.RE_ASK_SECONDS} seconds")
    return value
