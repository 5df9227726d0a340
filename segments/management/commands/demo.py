"""`manage.py demo`: portal, decision point, gateway and sample applications as processes, until stopped."""

import os
import signal
import subprocess
import sys
import time
from typing import Any, Final

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.utils.translation import gettext as _

from segments.gateway.process import NotInstalledError, program

THREADS: Final = "8"
PATIENCE: Final = 10.0  # seconds that a part may take to stop
LOOPBACK: Final = "127.0.0.1/32,::1/128"


class Command(BaseCommand):
    help = "Load the sample policy once, and serve it: for a first look, on this machine alone."

    def handle(self, **_options: Any) -> None:
        call_command("demo_data", stdout=self.stdout, stderr=self.stderr)
        parts = commands()
        if "gateway" not in parts:
            self.say(_("Envoy, which the gateway is made of, is not installed: the portal runs without applications."))
        self.say(_("Open %s - Ctrl-C stops it.") % settings.ZT_PORTAL_URL)
        ended = serve(parts)
        if ended:
            raise CommandError(_("the %s ended by itself, so everything was stopped: see above") % ended)

    def say(self, text: str) -> None:
        self.stderr.write(text, lambda line: line)


def commands() -> dict[str, list[str]]:
    """What to start, by name. Without Envoy nothing but the portal has anything to do."""
    host, port = os.environ.get("HOST", "127.0.0.1"), os.environ.get("PORT", "8000")
    parts = {
        "portal": [
            *["-m", "gunicorn", "ztproject.wsgi", "--bind", f"[{host}]:{port}" if ":" in host else f"{host}:{port}"],
            *["--worker-class", "gthread", "--threads", THREADS, "--no-control-socket", "--log-level", "warning"],
        ]
    }
    try:
        program()
    except NotInstalledError:
        return parts
    return parts | {
        "decision point": ["manage.py", "decision_point"],
        "gateway": ["manage.py", "gateway"],
        "sample applications": ["-m", "segments.sample.applications"],
    }


def serve(parts: dict[str, list[str]]) -> str:
    """Run the parts until a signal comes, or one of them ends: then its name."""
    stopped: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda found, _frame: stopped.append(found))
    environment = os.environ | {"ZT_PORTAL_URL": settings.ZT_PORTAL_URL}
    if not settings.ZT_TRUSTED_PROXIES:
        environment["ZT_TRUSTED_PROXIES"] = LOOPBACK
    # In sessions of their own: Ctrl-C reaches this process alone, which stops the others in order.
    running = {
        name: subprocess.Popen(  # noqa: S603 (fixed arguments, no shell)
            [sys.executable, *arguments], cwd=settings.BASE_DIR, env=environment, start_new_session=True
        )
        for name, arguments in parts.items()
    }
    ended = ""
    try:
        while not stopped and not ended:
            time.sleep(0.2)
            ended = next((name for name, process in running.items() if process.poll() is not None), "")
    finally:
        stop(list(running.values()))
    return "" if stopped else ended


def stop(processes: list[subprocess.Popen[bytes]]) -> None:
    """End each process, the last one first; one that does not listen is killed."""
    for process in reversed(processes):
        process.terminate()
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(timeout=max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
