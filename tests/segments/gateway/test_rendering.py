"""What holds for every rendered configuration: same bytes, no value that becomes a directive, every header there."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from segments.gateway import caddy, envoy, haproxy, nginx, traefik
from segments.gateway.headers import IDENTITY, SHOWN, spellings
from segments.gateway.placement import Address, Placement, UnwritableError, plain
from segments.gateway.sites import Route, Site, Upstream, sites
from segments.gateway.yaml_text import emit
from segments.policy.model import WebResource

RENDERERS = {module.__name__.rpartition(".")[2]: module.render for module in (nginx, caddy, traefik, haproxy, envoy)}
PLACEMENT = Placement(Address("127.0.0.1", 8080), Address("127.0.0.1", 8001))
GOLDEN = Path(__file__).parents[2] / "golden" / "proxies"
HOSTILE = (
    'app.test"; return 200; "',
    "app.test;",
    "app.test }",
    "app.test\nserver {}",
    "app.test\r\n",
    "app.test`",
    "app.test$host",
    "app.test{http.request.host}",
    "${HOME}",
    "app.test #",
    "app.test\\",
    "app.test'\"",
    "app.test%[env(HOME)]",
    "app\0",
    "äpp.test",
    "app.test) || (true",
    "a|b",
    "",
)


def stored() -> tuple[Site, ...]:
    def web(name: str, host: str, path: str, upstream: str, methods: str = "", **more: bool) -> WebResource:
        wanted = frozenset(methods.split()) or None
        return WebResource(id=name, segment="s", host=host, path=path, methods=wanted, upstream=upstream, **more)

    return sites(
        [
            web("ledger", "ledger.example.test", "/", "http://127.0.0.1:9001"),
            web("reports", "ledger.example.test", "/reports", "http://127.0.0.1:9002", "GET"),
            web("filing", "ledger.example.test", "/reports", "https://filing.internal:9443", "POST"),
            web("health", "ledger.example.test", "/healthz", "", "GET"),
            web("teams", "*.teams.example.test", "/wiki", "http://127.0.0.1:9003", case_insensitive=True),
        ]
    )


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("encrypted", [False, True])
def test_same_sites_same_bytes(name: str, encrypted: bool) -> None:
    files = ("/etc/zt/certificate.pem", "/etc/zt/key.pem") if encrypted else ()
    placement = Placement(PLACEMENT.listen, PLACEMENT.decision_point, *files)
    first = RENDERERS[name](stored(), placement)
    assert RENDERERS[name](stored(), placement) == first
    assert all(text.isascii() and text.endswith("\n") for text in first.values())
    if encrypted:
        assert files[0] in "".join(first.values())


@pytest.mark.parametrize("name", RENDERERS)
def test_rendering_is_as_reviewed(name: str) -> None:
    """Read what changed, then delete the file and run this twice."""
    rendered = RENDERERS[name](stored(), PLACEMENT)
    missing = [file for file in rendered if not (GOLDEN / file).exists()]
    for file in missing:
        GOLDEN.mkdir(exist_ok=True)
        (GOLDEN / file).write_text(rendered[file])
    assert missing == [], "these were not there and have been written: read them"
    assert rendered == {file: (GOLDEN / file).read_text() for file in rendered}


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_takes_nothing_that_ends_a_name(text: str) -> None:
    with pytest.raises(UnwritableError):
        plain(text)


@pytest.mark.parametrize("text", ["app.test", "/x/y", "http://[::1]:9001", "/a~b!c&d'e,f+g=h:i@j", "/etc/zt/key.pem"])
def test_plain_takes_what_policies_hold(text: str) -> None:
    assert plain(text) == text


@pytest.mark.parametrize("name", RENDERERS)
@pytest.mark.parametrize("text", [text for text in HOSTILE if text])
@pytest.mark.parametrize("where", ["host", "path", "method", "upstream", "certificate", "listen", "decision_point"])
def test_value_that_got_past_validation_is_refused(name: str, text: str, where: str) -> None:
    """No such value can be stored; if one ever is, nothing is rendered."""
    upstream = Upstream("http", "127.0.0.1", 9001)
    route, other = Route("/x", upstream, ("GET",)), Route("/x", upstream)
    site = Site("app.test", (route, other))
    placement = Placement(Address("127.0.0.1", 8080), Address("127.0.0.1", 8001), "/c.pem", "/k.pem")
    target: Any = {
        "host": site, "path": route, "method": route, "upstream": upstream, "certificate": placement,
        "listen": placement.listen, "decision_point": placement.decision_point,
    }[where]  # fmt: skip
    value: object = (text,) if where == "method" else text
    field = {"method": "methods", "upstream": "host", "listen": "host", "decision_point": "host"}.get(where, where)
    object.__setattr__(target, field, value)
    with pytest.raises(
        ValueError, match=r"cannot be written|is not|does not|can be read|has a|no address|never allowed"
    ):
        RENDERERS[name]((site,), placement)


@pytest.mark.parametrize("name", RENDERERS)
def test_every_identity_header_is_set(name: str) -> None:
    text = "".join(RENDERERS[name](stored(), PLACEMENT).values()).lower()
    if name != "traefik":  # by one expression, which the next test holds
        assert [header for header in IDENTITY if header.lower() not in text] == []
    if name == "envoy":
        assert [header for header in SHOWN if f'exact: "{header.lower()}"' not in text] == []


@pytest.mark.parametrize(
    "header", [*IDENTITY, "X-Remote-User", "X-Forwarded-User", "X-Auth-Request-Email", "Forwarded", "X-Forwarded-Path"]
)
def test_traefik_strips_and_sets_by_one_expression(header: str) -> None:

    expression = re.compile(traefik.STRIPPED)
    assert all(expression.search(spelling) for name in (header, header.lower()) for spelling in spellings(name))
    for kept in ("X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host", "Cookie", "X-Remotely", "Authorization"):
        assert not expression.search(kept)
    for odd in ("X_Forwarded_For", "X-Forwarded_Host", "X.Forwarded-Proto", "X_Real_IP", "X-Real.IP"):
        assert expression.search(odd)


def test_traefik_asks_before_every_application_and_in_order() -> None:
    files = traefik.render(stored(), PLACEMENT)
    dynamic = yaml.safe_load(files["dynamic.yml"])["http"]
    routers = dynamic["routers"]
    for name, router in routers.items():
        assert router.get("middlewares", []) == (
            [] if name.endswith("-own") else ["zt-ask", *(f"zt-no-{word}" for word in name.split("-")[3:])]
        )
        assert (router["service"] == "zt-decision-point") == name.endswith("-own")
    priorities = [router["priority"] for router in routers.values()]
    assert priorities == sorted(set(priorities), reverse=True)
    assert min(priorities) > 0
    assert dynamic["middlewares"]["zt-ask"]["forwardAuth"]["trustForwardHeader"] is False
    rules = [router["rule"] for name, router in routers.items() if not name.endswith(("-own", "-token", "-upgrade"))]
    assert rules == [
        "Host(`ledger.example.test`) && PathRegexp(`^/reports(/|$)`) && (Method(`POST`))",
        "Host(`ledger.example.test`) && PathRegexp(`^/reports(/|$)`) && (Method(`GET`) || Method(`HEAD`))",
        "Host(`ledger.example.test`)",
        "HostRegexp(`^[a-z0-9-]+[.]teams[.]example[.]test[.]?$`) && PathRegexp(`(?i)^/wiki(/|$)`)",
    ]
    assert yaml.safe_load(files["traefik.yml"])["providers"]["file"]["filename"] == "dynamic.yml"


def test_yaml_reads_back_as_it_was_and_comments_stand_once() -> None:
    value: dict[str, Any] = {
        "a": {"b-c": [1, 2.5, True, "x: y # z"], "@type": "t", "empty": {}},
        "list": [{"a": 1, "b": {"c": "no"}}, {"a": "${X}\n"}],
        "texts": [{"a": "one\n\n  two: # x\nthree\n", "b": " x\ny\n", "c": "x\ny", "d": "x\ny\n\n", "e": "x\t\ny\n"}],
    }
    text = emit(value, {"a": "about a\nin two lines"})
    assert yaml.safe_load(text) == value
    assert text.count("# about a") == 1


@pytest.mark.parametrize(
    ("text", "host", "port"), [("127.0.0.1:80", "127.0.0.1", 80), ("[::1]:80", "[::1]", 80), ("zt:1", "zt", 1)]
)
def test_address_is_host_and_port(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port, str(address)) == (host, port, text)


@pytest.mark.parametrize(
    "text", ["", "127.0.0.1", ":80", "a b:80", "127.0.0.1:", "127.0.0.1:99999", "127.0.0.1:٨", "a;:1"]
)
def test_anything_else_is_not(text: str) -> None:
    with pytest.raises(UnwritableError):
        Address.parse(text)


@pytest.mark.parametrize("files", [("/c.pem", ""), ("", "/k.pem"), ("/c d.pem", "/k.pem")])
def test_certificate_goes_with_its_key(files: Sequence[str]) -> None:
    with pytest.raises(UnwritableError):
        Placement(PLACEMENT.listen, PLACEMENT.decision_point, *files)


def test_nginx_expects_the_certificate_of_the_upstream_that_the_method_chose() -> None:
    one, other = Upstream("https", "one.internal", 443), Upstream("https", "other.internal", 443)
    site = Site("app.test", (Route("/", one, ("GET",)), Route("/", other, ("POST",)), Route("/x", other)))
    text = nginx.render([site], PLACEMENT)["nginx.conf"]
    chosen = "map $request_method $zt_target_1_1_name {\n    GET one.internal;\n    POST other.internal;\n"
    assert chosen in text
    assert re.findall("proxy_ssl_name (.*);", text) == ["$zt_target_1_1_name", "other.internal"]


def test_no_connection_to_the_decision_point_is_kept_longer_than_it_keeps_it() -> None:
    assert 'idle_timeout: "60s"' in envoy.render(stored(), PLACEMENT)["envoy.yaml"]
    assert "keepalive_timeout 60s" in nginx.render(stored(), PLACEMENT)["nginx.conf"]
