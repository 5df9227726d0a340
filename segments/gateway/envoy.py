"""Envoy: `ext_authz` with an HTTP service. One set of values, for `render envoy` and for the gateway that runs it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from segments.gateway import pages
from segments.gateway.envoy_clusters import (
    DECISION_POINT,
    MOST_CONNECTIONS,
    RELAY,
    TYPE,
    clusters,
    relay_cluster,
    socket_address,
)
from segments.gateway.envoy_routes import ANSWER_TIMEOUT, IDLE_TIMEOUT, expression, overwritten, route_configuration
from segments.gateway.headers import (
    ANSWERED,
    IDENTITY,
    IDENTITY_PATTERNS,
    ODD_PATTERN,
    QUESTION_PREFIX,
    SHOWN,
    TARGET_PATTERNS,
)
from segments.gateway.lua import script
from segments.gateway.placement import Placement, plain
from segments.gateway.sites import Site
from segments.gateway.yaml_text import Value, emit

FILE: Final = "envoy.yaml"
ROUTES: Final = "zt_routes"
RE_ASK_SECONDS: Final = 30

HEAD: Final = """\
# Envoy (1.36 or later) in front of the applications of ztproject. Written by `manage.py gateway render envoy`: change
# the policy, not this. `envoy --mode validate -c envoy.yaml` checks it; `manage.py gateway` runs the same by itself.
#
# Every request is asked about at the decision point before anything of it reaches an application, and nothing but its
# 200 lets it through. The decision point answers this machine if its address is in ZT_TRUSTED_PROXIES.
"""
COMMENTS: Final = {
    "codec_type": "HTTP/2 with TLS only: without, a client could speak it unasked.",
    "use_remote_address": (
        "X-Forwarded-For is set below, to the address of the connection. Envoy's own would be another one for\n"
        "connections from this machine."
    ),
    "normalize_path": (
        "The path is normalised before it is asked about, and the application gets what was asked about. An escaped\n"
        "slash, which servers read in two ways, is refused."
    ),
    "early_header_mutation_extensions": (
        "What no client may say: names that some server takes for an identity, in every spelling; names by which\n"
        "applications know the request before it was rewritten; and all names with odd characters."
    ),
    "local_reply_config": "What people read when nobody can decide, or an application does not answer.",
    "http_filters": "First the question, then the clean-up before an application gets the request.",
    "failure_mode_allow": "No decision, no way in.",
    "allowed_headers": "What the decision point is shown.",
    "allowed_upstream_headers": "Who is asking, from the answer alone.",
    "allowed_client_headers": "What a client gets of a refusal.",
    "upgrade_configs": "Websockets.",
    "virtual_hosts": "Each host: `/.zt/` is ours (to the sign-in and back, and out), then the longest prefix first.",
    "clusters": "The decision point, then every upstream.",
}


@dataclass(frozen=True, slots=True)
class Folder:
    """Where the gateway keeps what Envoy reads again when it changes, and the socket of its relay."""

    path: str
    re_ask_seconds: float = RE_ASK_SECONDS

    def __post_init__(self) -> None:
        plain(self.path)

    @property
    def relay_socket(self) -> str:
        return f"{self.path}/relay.sock"


def render(sites: Sequence[Site], placement: Placement) -> dict[str, str]:
    """One static configuration. Raises UnwritableError."""
    routes: Value = {"name": ROUTES, **route_configuration(sites, relay=False)}
    listener = _listener(placement, {"route_config": routes}, RE_ASK_SECONDS)
    static: Value = {"listeners": [listener], "clusters": clusters(sites, placement)}
    return {FILE: HEAD + emit({"static_resources": static}, COMMENTS)}


def bootstrap(placement: Placement, folder: Folder) -> Mapping[str, Value]:
    """What the gateway starts Envoy with: a listener that stays, and files for what changes."""
    routes: Value = {"route_config_name": ROUTES, "config_source": _file(folder, "routes.json")}
    return {
        "node": {"id": "zt-gateway", "cluster": "zt-gateway"},
        "static_resources": {"listeners": [_listener(placement, {"rds": routes}, folder.re_ask_seconds, folder)]},
        "dynamic_resources": {"cds_config": _file(folder, "clusters.json")},
        "overload_manager": {"resource_monitors": [_most_connections()]},
    }


def files(sites: Sequence[Site], placement: Placement, folder: Folder) -> dict[str, Mapping[str, Value]]:
    """What changes with the sites, by file, in the order in which it has to be put in place."""
    found = [
        {"@type": f"{TYPE}.config.cluster.v3.Cluster", **cluster}
        for cluster in [*clusters(sites, placement), relay_cluster(folder.relay_socket)]
    ]
    routes = {
        "@type": f"{TYPE}.config.route.v3.RouteConfiguration",
        "name": ROUTES,
        **route_configuration(sites, relay=True),
    }
    return {"clusters.json": {"resources": found}, "routes.json": {"resources": [routes]}}


def secrets(placement: Placement) -> Mapping[str, Value]:
    """The certificate, as a file that is written again when the certificate is renewed."""
    certificate: Value = {
        "certificate_chain": {"filename": plain(placement.certificate)},
        "private_key": {"filename": plain(placement.key)},
    }
    kind = f"{TYPE}.extensions.transport_sockets.tls.v3.Secret"
    return {"resources": [{"@type": kind, "name": "zt_certificate", "tls_certificate": certificate}]}


# ---------------------------------------------------------------- the listener
def _listener(
    placement: Placement, routes: Mapping[str, Value], re_ask_seconds: float, folder: Folder | None = None
) -> dict[str, Value]:
    chain: dict[str, Value] = {
        "filters": [
            {
                "name": "envoy.filters.network.http_connection_manager",
                "typed_config": _connection_manager(placement, routes, re_ask_seconds, RELAY if folder else ""),
            }
        ]
    }
    if placement.is_encrypted:
        chain["transport_socket"] = _server_tls(placement, folder)
    return {
        "name": "zt",
        "address": socket_address(placement.listen),
        "enable_reuse_port": False,  # nobody else listens beside it, an Envoy of before least of all
        "per_connection_buffer_limit_bytes": 1024 * 1024,
        "filter_chains": [chain],
    }


def _connection_manager(
    placement: Placement, routes: Mapping[str, Value], re_ask_seconds: float, hold_cluster: str
) -> dict[str, Value]:
    return {
        "@type": f"{TYPE}.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "zt",
        "codec_type": "AUTO" if placement.is_encrypted else "HTTP1",
        "use_remote_address": True,
        "skip_xff_append": True,
        "append_x_forwarded_port": True,
        "normalize_path": True,
        "merge_slashes": True,
        "path_with_escaped_slashes_action": "REJECT_REQUEST",
        "strip_trailing_host_dot": True,
        "max_request_headers_kb": 64,
        "server_header_transformation": "PASS_THROUGH",
        "request_headers_timeout": "10s",
        "stream_idle_timeout": IDLE_TIMEOUT,
        "common_http_protocol_options": {
            "idle_timeout": IDLE_TIMEOUT,
            "headers_with_underscores_action": "DROP_HEADER",
        },
        "http2_protocol_options": {
            "max_concurrent_streams": 100,
            "initial_stream_window_size": 65536,
            "initial_connection_window_size": 1048576,
        },
        "upgrade_configs": [{"upgrade_type": "websocket"}],
        "early_header_mutation_extensions": [_early_mutation()],
        "local_reply_config": _local_replies(),
        "http_filters": _filters(placement, re_ask_seconds, hold_cluster),
        **routes,
    }


def _early_mutation() -> Value:
    patterns = (*IDENTITY_PATTERNS, *TARGET_PATTERNS, ODD_PATTERN)
    mutations: list[Value] = [{"remove_on_match": {"key_matcher": expression(pattern)}} for pattern in patterns]
    mutations.append({"append": overwritten("x-forwarded-for", "%DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT%")})
    kind = f"{TYPE}.extensions.http.early_header_mutation.header_mutation.v3.HeaderMutation"
    return {"name": "zt_strip", "typed_config": {"@type": kind, "mutations": mutations}}


def _local_replies() -> Value:
    def reply(runtime_filter: Value, page: str) -> Value:
        return {
            "filter": runtime_filter,
            "body_format_override": {
                "text_format_source": {"inline_string": page.replace("%", "%%")},
                "content_type": "text/html; charset=utf-8",
            },
            "headers_to_add": [
                {"header": {"key": key, "value": value}, "append_action": "OVERWRITE_IF_EXISTS_OR_ADD"}
                for key, value in pages.HEADERS
            ],
        }

    unavailable: Value = {
        "status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": 503, "runtime_key": "zt.unused"}}}
    }
    undecided: Value = {"and_filter": {"filters": [unavailable, {"response_flag_filter": {"flags": ["UAEX"]}}]}}
    silent: Value = {"response_flag_filter": {"flags": ["UF", "UH", "UC", "UT", "UO", "URX", "UPE", "LR", "UR", "NC"]}}
    not_found: Value = {
        "status_code_filter": {"comparison": {"op": "EQ", "value": {"default_value": 404, "runtime_key": "zt.unused"}}}
    }
    no_route: Value = {"or_filter": {"filters": [{"response_flag_filter": {"flags": ["NR"]}}, not_found]}}
    replies = ((undecided, pages.UNDECIDED), (silent, pages.SILENT), (no_route, pages.NOWHERE))
    return {"mappers": [reply(found, page) for found, page in replies]}


def _filters(placement: Placement, re_ask_seconds: float, hold_cluster: str) -> Value:
    return [
        {"name": "envoy.filters.http.ext_authz", "typed_config": _question(placement)},
        {
            "name": "envoy.filters.http.lua",
            "typed_config": {
                "@type": f"{TYPE}.extensions.filters.http.lua.v3.Lua",
                "default_source_code": {"inline_string": script(DECISION_POINT, re_ask_seconds, hold_cluster)},
            },
        },
        {
            "name": "envoy.filters.http.router",
            "typed_config": {
                "@type": f"{TYPE}.extensions.filters.http.router.v3.Router",
                "suppress_envoy_headers": True,
            },
        },
    ]


def _question(placement: Placement) -> Value:
    return {
        "@type": f"{TYPE}.extensions.filters.http.ext_authz.v3.ExtAuthz",
        "transport_api_version": "V3",
        "failure_mode_allow": False,
        "status_on_error": {"code": "ServiceUnavailable"},
        "allowed_headers": {"patterns": _exact(SHOWN)},
        "http_service": {
            "path_prefix": QUESTION_PREFIX,
            "server_uri": {
                "uri": f"http://{plain(str(placement.decision_point))}",
                "cluster": DECISION_POINT,
                "timeout": ANSWER_TIMEOUT,
            },
            "authorization_response": {
                "allowed_upstream_headers": {"patterns": _exact(IDENTITY)},
                "allowed_client_headers": {"patterns": _exact(ANSWERED)},
            },
        },
    }


def _server_tls(placement: Placement, folder: Folder | None) -> Value:
    context: dict[str, Value] = {
        "alpn_protocols": ["h2", "http/1.1"],
        "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
    }
    if folder:
        context["tls_certificate_sds_secret_configs"] = [
            {"name": "zt_certificate", "sds_config": _file(folder, "secrets.json")}
        ]
    else:
        context["tls_certificates"] = [
            {
                "certificate_chain": {"filename": plain(placement.certificate)},
                "private_key": {"filename": plain(placement.key)},
            }
        ]
    kind = f"{TYPE}.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": kind, "common_tls_context": context}}


# ---------------------------------------------------------------- parts of all of them
def _most_connections() -> Value:
    name = "envoy.resource_monitors.global_downstream_max_connections"
    kind = f"{TYPE}.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig"
    limit: Value = {"@type": kind, "max_active_downstream_connections": MOST_CONNECTIONS}
    return {"name": name, "typed_config": limit}


def _file(folder: Folder, name: str) -> Value:
    source: Value = {"path": f"{folder.path}/{name}", "watched_directory": {"path": folder.path}}
    return {"path_config_source": source, "resource_api_version": "V3"}


def _exact(names: Sequence[str]) -> Value:
    return [{"exact": name.lower(), "ignore_case": True} for name in names]
