"""Envoy's clusters: where it may connect to, and nowhere else."""

from collections.abc import Sequence
from typing import Final

from segments.gateway.placement import Address, Placement, plain
from segments.gateway.sites import Site, Upstream, upstreams
from segments.gateway.yaml_text import Value

TYPE: Final = "type.googleapis.com/envoy"
DECISION_POINT: Final = "zt_decision_point"
RELAY: Final = "zt_relay"
CONNECT_TIMEOUT: Final = "3s"
IDLE_TIMEOUT: Final = "60s"  # the decision point keeps a connection longer: no question meets one that is closing
MOST_CONNECTIONS: Final = 20_000


def clusters(sites: Sequence[Site], placement: Placement) -> list[dict[str, Value]]:
    point = placement.decision_point
    asked = _cluster(DECISION_POINT, point, is_address=point.bare_host.replace(".", "").isdigit() or ":" in point.host)
    asked["typed_extension_protocol_options"] = _protocol(idle_timeout=IDLE_TIMEOUT)
    return [asked, *(_upstream_cluster(upstream, placement.authorities) for upstream in upstreams(sites))]


def cluster_name(upstream: Upstream) -> str:
    return f"zt_{upstream.scheme}_{plain(upstream.address)}"


def _upstream_cluster(upstream: Upstream, authorities: str) -> dict[str, Value]:
    address = Address(plain(upstream.host), upstream.port)
    cluster = _cluster(cluster_name(upstream), address, is_address=upstream.is_address)
    return cluster | ({"transport_socket": _client_tls(upstream, authorities)} if upstream.is_encrypted else {})


def _cluster(name: str, address: Address, *, is_address: bool) -> dict[str, Value]:
    endpoint: Value = {"endpoint": {"address": socket_address(address)}}
    return {
        "name": name,
        **({"type": "STATIC"} if is_address else {"type": "LOGICAL_DNS", "dns_lookup_family": "ALL"}),
        "connect_timeout": CONNECT_TIMEOUT,
        "circuit_breakers": _limits(),
        "load_assignment": {"cluster_name": name, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _protocol(**options: Value) -> Value:
    kind = f"{TYPE}.extensions.upstreams.http.v3.HttpProtocolOptions"
    return {
        kind.removeprefix("type.googleapis.com/"): {
            "@type": kind,
            "common_http_protocol_options": options,
            "explicit_http_config": {"http_protocol_options": {}},
        }
    }


def relay_cluster(socket: str) -> dict[str, Value]:
    endpoint: Value = {"endpoint": {"address": {"pipe": {"path": socket}}}}
    return {
        "name": RELAY,
        "type": "STATIC",
        "connect_timeout": CONNECT_TIMEOUT,
        "circuit_breakers": _limits(),
        "typed_extension_protocol_options": _protocol(max_requests_per_connection=1),
        "load_assignment": {"cluster_name": RELAY, "endpoints": [{"lb_endpoints": [endpoint]}]},
    }


def _limits() -> Value:
    most = MOST_CONNECTIONS
    threshold = {"max_connections": most, "max_pending_requests": most, "max_requests": most, "max_retries": 3}
    return {"thresholds": [threshold]}


def _client_tls(upstream: Upstream, authorities: str) -> Value:
    """Encrypted, and checked: the certificate is one that the system trusts, and made for this host."""
    host = upstream.host.strip("[]")
    name: Value = {"san_type": "IP_ADDRESS" if upstream.is_address else "DNS", "matcher": {"exact": host}}
    context: dict[str, Value] = {
        "common_tls_context": {
            "validation_context": {
                "trusted_ca": {"filename": plain(authorities)},
                "match_typed_subject_alt_names": [name],
            }
        }
    }
    if not upstream.is_address:
        context["sni"] = host
    kind = f"{TYPE}.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
    return {"name": "envoy.transport_sockets.tls", "typed_config": {"@type": kind, **context}}


def socket_address(address: Address) -> Value:
    return {"socket_address": {"address": plain(address.bare_host), "port_value": address.port}}
