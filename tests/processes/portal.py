"""The portal as a person meets it, on gunicorn."""

from tests.processes.own import OwnProcess


class PortalProcess(OwnProcess):
    """Starts on `http://localhost:<port>`."""

    NAME = "portal"

    def command(self) -> list[str]:
        command = ["-m", "gunicorn", "ztproject.wsgi", "--worker-class", "gthread", "--threads", "4"]
        return [*command, "--no-control-socket", "--bind", f"127.0.0.1:{self.port}"]
