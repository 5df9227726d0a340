"""Traefik (3): `forwardAuth`."""

from collections.abc import Sequence
from typing import Final

from segments.gateway.headers import IDENTITY_PATTERNS, OWN_PATHS, SEPARATOR, TOKEN_PATTERN
from segments.gateway.placement import Placement, literal, plain
from segments.gateway.sites import Route, Site, Upstream, upstreams
from segments.gateway.yaml_text import Value, emit

STATIC: Final = "traefik.yml"
DYNAMIC: Final = "dynamic.yml"

STATIC_HEAD: Final = """\
# Traefik (3.3 or later) in front of the applications of ztproject: the part that is read once, at the start.
# Written by `manage.py gateway render traefik`: change the policy, not this.
"""
DYNAMIC_HEAD: Final = """\
# Traefik (3.3 or later) in front of the applications of ztproject: the part that is read again whenever it changes.
# Written by `manage.py gateway render traefik`: change the policy, not this.
#
# Every request is asked about at the decision point before anything of it reaches an application, and nothing but its
# 2xx lets it through: any other answer (to the sign-in, or the page that says why not) goes to the client as it is; a
# decision point that does not answer is a 500. It answers this machine if its address is in ZT_TRUSTED_PROXIES.
#
# Traefik itself resolves `..` and merges slashes before it asks (sanitizePath, on by default: leave it on) and sends
# the application the same path that it asked about. Leave `encodedCharacters` at its strict default.
"""
STATIC_COMMENTS: Final = {
    "entryPoints": "X-Forwarded-* of clients are not believed: no trustedIPs, no insecure.",
    "transport": "A request has to arrive, and an idle connection ends. What is open is not asked about again.",
}
COMMENTS: Final = {
    "middlewares": "What is asked, and what of the answer becomes part of the request.",
    "authResponseHeadersRegex": (
        "Removed from the request in every spelling that some server takes for it, then set from the answer alone.\n"
        "Also removed: names by which applications know a user, or the request before it was rewritten."
    ),
    "zt-no-token": "The token of a service account is for the decision point; no application gets hold of it.",
    "zt-no-upgrade": "Websockets are the only thing that a connection may change to.",
    "routers": "The longest prefix first, by priority. `/.zt/` of each host is ours: to the sign-in and back, and out.",
}
STRIPPED: Final = "(?i)^({})$".format(
    "|".join(
        (
            *IDENTITY_PATTERNS,
            f"x{SEPARATOR}(original|rewrite|envoy){SEPARATOR}.*",
            # Traefik writes these by their own names, and in no other spelling
            "x([^a-z0-9-]forwarded[^a-z0-9]|-forwarded[^a-z0-9-]).*",
            f"x{SEPARATOR}forwarded{SEPARATOR}(path|prefix|uri|method|ssl)",
            f"x{SEPARATOR}(scheme|host)",
            "x[^a-z0-9-]real[^a-z0-9]ip|x-real[^a-z0-9-]ip",
            "forwarded",
        )
    )
)
UPGRADE: Final = "HeaderRegexp(`Upgrade`, `.`) && !HeaderRegexp(`Upgrade`, `(?i)^websocket$`)"
TOKEN: Final = f"HeaderRegexp(`Authorization`, `(?i)^{TOKEN_PATTERN}`)"

KINDS: Final = {  # Traefik drops a header by a condition on another only where the condition chooses the router
    "-token-upgrade": (f" && {TOKEN} && {UPGRADE}", ("zt-no-token", "zt-no-upgrade")),
    "-token": (f" && {TOKEN}", ("zt-no-token",)),
    "-upgrade": (f" && {UPGRADE}", ("zt-no-upgrade",)),
    "": ("", ()),
}


def render(sites: Sequence[Site], placement: Placement) -> dict[str, str]:
    """The configuration as files by name. Raises UnwritableError."""
    known = {upstream: f"zt-upstream-{number}" for number, upstream in enumerate(upstreams(sites), 1)}
    dynamic: dict[str, Value] = {
        "http": {
            "middlewares": _middlewares(placement),
            "routers": _routers(sites, known, placement),
            "services": _services(known, placement),
        }
    }
    if placement.is_encrypted:
        files = {"certFile": plain(placement.certificate), "keyFile": plain(placement.key)}
        dynamic["tls"] = {"certificates": [files], "options": {"default": {"minVersion": "VersionTLS12"}}}
    return {
        STATIC: STATIC_HEAD + emit(_static(placement), STATIC_COMMENTS),
        DYNAMIC: DYNAMIC_HEAD + emit(dynamic, COMMENTS),
    }


def _static(placement: Placement) -> dict[str, Value]:
    timeouts = {"readTimeout": "300s", "writeTimeout": "0s", "idleTimeout": "180s"}
    return {
        "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
        "entryPoints": {"zt": {"address": plain(str(placement.listen)), "transport": {"respondingTimeouts": timeouts}}},
        "providers": {"file": {"filename": DYNAMIC, "watch": True}},
    }


def _middlewares(placement: Placement) -> Value:
    ask: Value = {
        "address": f"http://{plain(str(placement.decision_point))}/forward-auth/traefik",
        "trustForwardHeader": False,
        "authResponseHeadersRegex": STRIPPED,
    }
    return {
        "zt-ask": {"forwardAuth": ask},
        "zt-no-token": {"headers": {"customRequestHeaders": {"Authorization": ""}}},
        "zt-no-upgrade": {"headers": {"customRequestHeaders": {"Upgrade": ""}}},
    }


def _routers(sites: Sequence[Site], known: dict[Upstream, str], placement: Placement) -> Value:
    """Traefik tries the highest priority first; each is used once, so that the order is the order of the sites."""
    found: dict[str, Value] = {}
    total = sum(len(KINDS) * len(site.routes) + 1 for site in sites)
    for number, site in enumerate(sites, 1):
        host = _host(site)

        def add(name: str, rule: str, service: str, *middlewares: str) -> None:
            router: dict[str, Value] = {"entryPoints": ["zt"], "rule": rule, "priority": total - len(found)}
            router |= {"service": service, **({"middlewares": list(middlewares)} if middlewares else {})}
            found[name] = router | ({"tls": {}} if placement.is_encrypted else {})

        add(f"zt-{number}-own", f"{host} && PathRegexp(`^{OWN_PATHS}$`)", "zt-decision-point")
        for place, route in enumerate(site.routes, 1):
            rule, service = f"{host}{_conditions(route)}", known[route.upstream]
            for kind, (condition, middlewares) in KINDS.items():
                add(f"zt-{number}-{place}{kind}", f"{rule}{condition}", service, "zt-ask", *middlewares)
    return found


def _host(site: Site) -> str:
    host = plain(site.host)
    if site.is_wildcard:  # one label
        return f"HostRegexp(`^[a-z0-9-]+{literal(host[1:])}[.]?$`)"
    return f"Host(`{host}`)"


def _conditions(route: Route) -> str:
    """`PathPrefix` alone would take `/finance` for something below `/fin`."""
    case = "(?i)" if route.ignores_case else ""
    path = "" if route.path == "/" else f" && PathRegexp(`{case}^{literal(plain(route.path))}(/|$)`)"
    methods = " || ".join(f"Method(`{plain(method)}`)" for method in route.methods)
    return path + (f" && ({methods})" if methods else "")


def _services(known: dict[Upstream, str], placement: Placement) -> Value:
    urls = {"zt-decision-point": f"http://{plain(str(placement.decision_point))}"}
    urls |= {name: plain(upstream.url) for upstream, name in known.items()}
    return {name: {"loadBalancer": {"servers": [{"url": url}]}} for name, url in urls.items()}
