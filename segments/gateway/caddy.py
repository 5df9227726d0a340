"""Caddy: `reverse_proxy` with `handle_response`, which is what its `forward_auth` is short for."""

from collections.abc import Iterator, Sequence
from itertools import product
from typing import Final

from segments.gateway.headers import COOKIE_PATTERN, IDENTITY, OWN_PATHS, TOKEN_PATTERN
from segments.gateway.placement import Placement, literal, plain
from segments.gateway.sites import Route, Site

FILE: Final = "Caddyfile"

HEAD: Final = """\
# Caddy (2.6 or later) in front of the applications of ztproject. Written by `manage.py gateway render caddy`: change
# the policy, not this. `caddy validate --adapter caddyfile --config Caddyfile` checks it.
#
# Every request is asked about at the decision point before anything of it reaches an application, and nothing but its
# 200 lets it through: any other answer (to the sign-in, or the page that says why not) goes to the client as it is.
# The decision point answers this machine if its address is in ZT_TRUSTED_PROXIES.
{{
	admin off
	{https}
	servers {{
		protocols h1 h2
		max_header_size 64KiB
		timeouts {{
			read_header 10s
			idle 5m
		}}
	}}
}}

# Who is asking, from the answer alone. It always has all of these, empty where nothing is known.
(zt_identity) {{
{identity}
}}

(zt_ask) {{
	# ---- what no client may say, in every spelling that some server takes for it (`Remote_User`, `remote.user`)
{stripped}

	# `Connection` names headers that end at a proxy: a client must not end ours there.
	# Websockets are the only thing that a connection may change to.
	@zt_websocket header_regexp Upgrade (?i)^websocket$
	@zt_no_websocket not header_regexp Upgrade (?i)^websocket$
	request_header @zt_no_websocket -Upgrade
	request_header @zt_no_websocket -Connection
	request_header @zt_websocket Connection Upgrade

	# ---- our own pages on each host: the way to the sign-in and back, and out
	# By {{uri}}, which is what is sent; a path matcher of Caddy's looks at the path without `..` and escapes.
	@zt_own expression `{{uri}}.matches("^{own}([?]|$)")`
	reverse_proxy @zt_own {decision_point} {{
		transport http {{
			dial_timeout 3s
			response_header_timeout 10s
		}}
	}}

	# ---- the question. Caddy asks with {{uri}}, and an application gets the same: neither is decoded nor normalised.
	# X-Forwarded-For, -Proto and -Host are Caddy's own: what a client says is not believed without `trusted_proxies`.
	reverse_proxy {decision_point} {{
		method GET
		rewrite /forward-auth/traefik
		header_up X-Forwarded-Method {{method}}
		header_up X-Forwarded-Uri {{uri}}
		transport http {{
			dial_timeout 3s
			response_header_timeout 10s
		}}
		@zt_allowed_with_cookie {{
			status 200
			header Set-Cookie *
		}}
		handle_response @zt_allowed_with_cookie {{
			import zt_identity
			header +Set-Cookie {{rp.header.Set-Cookie}}
		}}
		@zt_allowed status 200
		handle_response @zt_allowed {{
			import zt_identity
		}}
	}}

	# The token of a service account is for the decision point; no application gets hold of it.
	@zt_token header_regexp Authorization (?i)^{token}
	request_header @zt_token -Authorization
	# Nor of the cookies by which the decision point knows a visitor; the others stay as they are.
	request_header Cookie "(?:;[ \t]*{cookie})+(;|$)" "$1"
	request_header Cookie "^[ \t]*{cookie}(?:;[ \t]*)?(.*)$" "$1"
	@zt_no_cookie header_regexp Cookie ^$
	request_header @zt_no_cookie -Cookie
	header -Server
}}

(zt_errors) {{
	handle_errors {{
		header Cache-Control no-store
		respond "Access cannot be decided, or the application does not answer. Please try again in a minute." 503
	}}
}}

# Hosts that nobody registered.
{strangers} {{
	bind {bind}{tls}
	respond 421
}}
"""


def render(sites: Sequence[Site], placement: Placement) -> dict[str, str]:
    """The configuration as files by name. Raises UnwritableError."""
    tls = f'\n\ttls "{plain(placement.certificate)}" "{plain(placement.key)}"' if placement.is_encrypted else ""
    head = HEAD.format(
        https="auto_https off  # the certificate is given below"
        if tls
        else "auto_https off  # plain http as it stands",
        # Caddy knows the headers of an answer by their canonical names alone
        identity="\n".join(f"\trequest_header {name} {{rp.header.{name.title()}}}" for name in IDENTITY),
        stripped="\n".join(f"\trequest_header -{pattern}" for pattern in _stripped()),
        decision_point=plain(str(placement.decision_point)),
        strangers=_address(placement, ""),
        cookie=COOKIE_PATTERN,
        own=OWN_PATHS,
        token=TOKEN_PATTERN,
        bind=plain(placement.listen.bare_host),
        tls=tls,
    )
    return {FILE: "\n".join([head, *(_site(site, placement, tls) for site in sites)])}


def _stripped() -> Iterator[str]:
    """Patterns: the `*` at the end takes every separator behind it."""
    yield "Forwarded"
    yield "Remote*"
    for separator in "-_.":
        for word in ("Remote", "Zt", "WebAuth", "Forwarded", "Original", "Rewrite", "Real", "Envoy", "Scheme", "Host"):
            yield f"X{separator}{word}*"
    for first, second in product("-_.", repeat=2):
        yield f"X{first}Auth{second}Request*"


def _address(placement: Placement, host: str) -> str:
    return f"{placement.scheme}://{plain(host) if host else ''}:{placement.listen.port}"


def _site(site: Site, placement: Placement, tls: str) -> str:
    lines = [f"{_address(placement, site.host)} {{", f"\tbind {plain(placement.listen.bare_host)}{tls}"]
    lines += [_matcher(number, route) for number, route in enumerate(site.routes, 1)]
    lines += ["\troute {", "\t\timport zt_ask", "\t\t# the longest prefix first"]
    lines += [_proxy(number, route) for number, route in enumerate(site.routes, 1)]
    lines += ["\t\trespond 404", "\t}", "\timport zt_errors", "}", ""]
    return "\n".join(lines)


def _matcher(number: int, route: Route) -> str:
    """Caddy's plain `path` ignores case, so that a prefix is an expression here, literal but for its end."""
    case = "(?i)" if route.ignores_case else ""
    lines = [f"\t@zt_route_{number} {{"]
    lines.append("\t\tpath /*" if route.path == "/" else f'\t\tpath_regexp "{case}^{literal(plain(route.path))}(/|$)"')
    if route.methods:
        lines.append(f"\t\tmethod {' '.join(map(plain, route.methods))}")
    return "\n".join([*lines, "\t}"])


def _proxy(number: int, route: Route) -> str:
    return f"\t\treverse_proxy @zt_route_{number} {plain(route.upstream.url)}"
