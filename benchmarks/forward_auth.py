"""What a question to the decision point costs, beside a view of Django that does nothing, and beside what nginx can do.

    python benchmarks/forward_auth.py [--rounds 5] [--seconds 3] [--connections 16] [--json]

Starts each side as one process of its own on loopback and asks them in turn, round by round, with wrk: only ratios of
the same run mean much. Ours decides and records each request (SQLite, one process). Needs the packages wrk and nginx.
"""

import argparse
import json
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.processes.own import free_port  # noqa: E402 (the path comes first)
from tests.proxies.system import System, wait_for_port  # noqa: E402

POLICY = """
version: 1
roles: [{slug: reader, name: Reader}]
users: [{username: alice, name: Alice Adams, roles: [reader]}]
segments:
  - slug: public
    name: Public
    sensitivity: low
    resources: [{name: app, host: app.localhost}]
    grants: [{role: reader}]
"""
KEY = """
from accounts.models import User
from tests.proxies import cast
print(cast.application_key(cast.portal_key(User.objects.get()), cast.APP))
"""
PREPARE = """
from accounts.models import User
from tests import factories
from tests.proxies import cast
cast.prepare("FILE")
alice = User.objects.get()
alice.set_password(factories.PASSWORD)
alice.save()
"""
BARE_DJANGO = """
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

urlpatterns = [path("forward-auth/nginx", lambda request: HttpResponse(status=204))]
settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="none", MIDDLEWARE=[])
application = get_wsgi_application()
"""
NGINX = """
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  client_body_temp_path {folder}; proxy_temp_path {folder}; fastcgi_temp_path {folder};
  uwsgi_temp_path {folder}; scgi_temp_path {folder};
  upstream asked {{ server 127.0.0.1:{asked}; keepalive 32; }}
  server {{
    listen 127.0.0.1:{port};
    location / {{ auth_request /ask; root {folder}; try_files /page =404; }}
    location = /ask {{
      internal; proxy_pass http://asked/forward-auth/nginx; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_pass_request_body off; proxy_set_header Content-Length "";
      proxy_set_header X-Original-URL http://$http_host$request_uri; proxy_set_header X-Original-Method $request_method;
    }}
  }}
  server {{ listen 127.0.0.1:{nothing}; location / {{ return 204; }} }}
}}
"""
UNITS = {"us": 0.001, "ms": 1.0, "s": 1000.0}


@dataclass(frozen=True, slots=True)
class Round:
    """Requests a second, and milliseconds."""

    rate: float
    p50: float
    p99: float


@contextmanager
def process(command: list[str], port: int, folder: Path, name: str) -> Iterator[None]:
    """A child until the end of the block, once it listens."""
    log = folder / f"{name}.log"
    with log.open("wb") as output:
        started = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output)
    try:
        wait_for_port(port, started, log)
        yield
    finally:
        started.terminate()
        started.wait(timeout=20)


@contextmanager
def sides(folder: Path) -> Iterator[tuple[dict[str, str], list[str]]]:
    """The address of each side, and the headers that every request has."""
    (folder / "page").write_text("a page\n")
    (folder / "bare.py").write_text(BARE_DJANGO)
    (folder / "policy.yaml").write_text(POLICY)
    folder.chmod(0o755)
    system = System(folder)
    system.run(PREPARE.replace("FILE", str(folder / "policy.yaml")))
    with ExitStack() as stack:
        stack.callback(system.decision_point.stop)
        system.decision_point.start()
        ours, bare = system.decision_point.port, free_port()
        gunicorn = [sys.executable, "-m", "gunicorn", "bare", "--worker-class", "gthread", "--threads", "4"]
        gunicorn += ["--no-control-socket", "--bind", f"127.0.0.1:{bare}"]
        stack.enter_context(process(gunicorn, bare, folder, "bare"))
        fronts = {}
        nothing = free_port()
        for name, asked, also in (("nothing", nothing, nothing), ("ours", ours, free_port())):
            front = free_port()
            file = folder / f"{name}.conf"
            file.write_text(NGINX.format(folder=folder, asked=asked, port=front, nothing=also))
            command = [str(nginx()), "-e", "stderr", "-p", str(folder), "-c", str(file)]
            stack.enter_context(process(command, front, folder, f"nginx-{name}"))
            fronts[name] = front
        question = "/forward-auth/nginx"
        yield (
            {
                "decision point": f"http://127.0.0.1:{ours}{question}",
                "bare Django view": f"http://127.0.0.1:{bare}{question}",
                "nginx, asking us": f"http://127.0.0.1:{fronts['ours']}/x",
                "nginx, asking nginx": f"http://127.0.0.1:{fronts['nothing']}/x",
            },
            [
                "Host: app.localhost",
                f"Cookie: zt-app={system.run(KEY).strip()}",
                "X-Original-URL: http://app.localhost/x",
                "X-Original-Method: GET",
            ],
        )


def nginx() -> str | None:
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")


def measure(url: str, headers: list[str], *, seconds: int, connections: int) -> Round:
    command = ["wrk", "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency"]
    command += [part for header in headers for part in ("--header", header)]
    told = subprocess.run([*command, url], capture_output=True, text=True, check=True).stdout
    if "Non-2xx" in told or "Socket errors" in told:
        raise SystemExit(f"{url} did not answer 2xx each time:\n{told}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", told)
    latency = {share: float(number) * UNITS[unit] for share, number, unit in LATENCY.findall(told)}
    assert rate is not None
    return Round(float(rate[1]), latency["50"], latency["99"])


LATENCY = re.compile(r"^\s+(50|99)%\s+([\d.]+)(us|ms|s)$", re.MULTILINE)


def middle(rounds: list[Round]) -> Round:
    return Round(*(statistics.median(getattr(one, name) for one in rounds) for name in ("rate", "p50", "p99")))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=3)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    missing = [name for name, found in (("wrk", shutil.which("wrk")), ("nginx-light", nginx())) if found is None]
    if missing:
        raise SystemExit(f"for want of the packages {', '.join(missing)}")
    rounds: dict[str, list[Round]] = {}
    with tempfile.TemporaryDirectory() as folder, sides(Path(folder)) as (urls, headers):
        for number in range(options.rounds + 1):  # the first warms up and does not count
            for name, url in urls.items():
                found = measure(url, headers, seconds=options.seconds, connections=options.connections)
                rounds.setdefault(name, []).extend([found] if number else [])
    show({name: middle(found) for name, found in rounds.items()}, as_json=options.json)


def show(figures: dict[str, Round], *, as_json: bool) -> None:
    ours = figures["decision point"].rate
    if as_json:
        print(json.dumps({name: [one.rate, one.p50, one.p99] for name, one in figures.items()}))
        return
    print(f"CPython {platform.python_version()} on {platform.system()}")
    print(f"{'':22}{'a second':>10}{'p50 ms':>9}{'p99 ms':>9}{'ratio':>8}")
    for name, one in figures.items():
        print(f"{name:22}{one.rate:10.0f}{one.p50:9.2f}{one.p99:9.2f}{one.rate / ours:8.2f}")


if __name__ == "__main__":
    main()
