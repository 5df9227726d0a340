"""Envoy's routes: which cluster a request goes to once it was asked about."""

from collections.abc import Mapping, Sequence
from typing import Final

from segments.gateway.envoy_clusters import DECISION_POINT, RELAY, TYPE, cluster_name
from segments.gateway.headers import OWN_PATHS, RELAY_HEADER
from segments.gateway.placement import plain
from segments.gateway.sites import Route, Site
from segments.gateway.yaml_text import Value

ANSWER_TIMEOUT: Final = "10s"
IDLE_TIMEOUT: Final = "300s"
_WITHOUT_LUA: Final[Mapping[str, Value]] = {
    "envoy.filters.http.lua": {"@type": f"{TYPE}.extensions.filters.http.lua.v3.LuaPerRoute", "disabled": True}
}


def route_configuration(sites: Sequence[Site], *, relay: bool) -> dict[str, Value]:
    return {
        "ignore_port_in_host_matching": True,
        "virtual_hosts": [_virtual_host(number, site, relay=relay) for number, site in enumerate(sites, 1)],
    }


def _virtual_host(number: int, site: Site, *, relay: bool) -> Value:
    own: Value = {
        "match": expression(OWN_PATHS),
        "route": {"cluster": DECISION_POINT, "timeout": ANSWER_TIMEOUT},
        "typed_per_filter_config": {
            "envoy.filters.http.ext_authz": {
                "@type": f"{TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                "disabled": True,
            },
            **_WITHOUT_LUA,
        },
    }
    return {
        "name": f"zt_site_{number}",
        "domains": [plain(site.host)],
        "request_headers_to_add": [overwritten("x-forwarded-host", "%REQ(:authority)%")],
        "routes": [own, *(part for route in site.routes for part in _routes(route, relay=relay)), *_nowhere(site)],
    }


def _nowhere(site: Site) -> list[Value]:
    """What has no upstream is asked about all the same: without a route, Envoy would answer before it asks."""
    if any(route.path == "/" and not route.methods for route in site.routes):
        return []
    return [{"match": {"prefix": "/"}, "direct_response": {"status": 404}}]


def _routes(route: Route, *, relay: bool) -> list[Value]:
    """What stays open for long goes through the relay, which asks again; the rest goes straight to the upstream."""
    direct: dict[str, Value] = {"cluster": cluster_name(route.upstream), "timeout": "0s", "idle_timeout": IDLE_TIMEOUT}
    lasting: tuple[Value, ...] = (
        {"name": "upgrade", "string_match": {"exact": "websocket", "ignore_case": True}},
        {"name": "accept", "string_match": {"contains": "text/event-stream", "ignore_case": True}},
    )
    through_relay: list[Value] = [
        {
            "match": _match(route, header),
            "route": {"cluster": RELAY, "timeout": "0s", "idle_timeout": "3600s"},
            "request_headers_to_add": [overwritten(RELAY_HEADER, route.upstream.url)],
            "typed_per_filter_config": _WITHOUT_LUA,  # the relay does the same
        }
        for header in lasting
        if relay
    ]
    return [*through_relay, {"match": _match(route), "route": direct}]


def _match(route: Route, *headers: Value) -> Value:
    match: dict[str, Value] = {"prefix": "/"}
    if route.path != "/":
        match = {"path_separated_prefix": plain(route.path), "case_sensitive": not route.ignores_case}
    wanted = list(headers)
    if route.methods:
        methods = "|".join(map(plain, route.methods))
        wanted.append({"name": ":method", "string_match": expression(methods)})
    return match | ({"headers": wanted} if wanted else {})


def expression(pattern: str) -> Value:
    return {"safe_regex": {"regex": pattern}}


def overwritten(name: str, value: str) -> Value:
    return {"header": {"key": name, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
