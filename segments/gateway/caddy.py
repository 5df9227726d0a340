"""Caddy: `reverse_proxy` with `handle_response`, which is what its `forward_auth` is short for."""

from collections.abc import Iterator, Sequence
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
	# ---- what no client may say; and all names with odd characters, which some server takes for one of them
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
			keepalive 60s
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
			keepalive 60s
			response_header_timeout 10s
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
"""

STRANGERS: Final = """\
# Hosts that nobody registered; and those that somebody did, with the dot that ends a whole name.
{address} {{
	bind {bind}{tls}
{dotted}
	handle {{
		respond 421
	}}
	import zt_errors
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
        stripped="\n".join(f"\trequest_header {_removal(pattern)}" for pattern in _stripped()),
        decision_point=plain(str(placement.decision_point)),
        cookie=COOKIE_PATTERN,
        own=OWN_PATHS,
        token=TOKEN_PATTERN,
    )
    numbered = list(enumerate(sites, 1))
    parts = [head, *(_snippet(number, site) for number, site in numbered), _strangers(sites, placement, tls)]
    return {FILE: "\n".join([*parts, *(_site(number, site, placement, tls) for number, site in numbered)])}


def _stripped() -> Iterator[str]:
    """Names, with `*` for anything."""
    for character in "!#$%&'*+.^_`|~":  # besides letters, digits and `-` all that a name may have
        yield f'"*{character}*"'
    yield from ("Forwarded", "Remote-*", "X-Auth-Request*")
    for word in ("Remote", "ZT", "WebAuth", "Forwarded", "Original", "Rewrite", "Real", "Envoy", "Scheme", "Host"):
        yield f"X-{word}*"


def _removal(pattern: str) -> str:
    return f'"-{pattern[1:]}' if pattern.startswith('"') else f"-{pattern}"


def _address(placement: Placement, host: str) -> str:
    return f"{placement.scheme}://{plain(host) if host else ''}:{placement.listen.port}"


def _snippet(number: int, site: Site) -> str:
    lines = [f"# {'-' * 20} {plain(site.host)}", f"(zt_site_{number}) {{"]
    lines += [_matcher(place, route) for place, route in enumerate(site.routes, 1)]
    lines += ["\troute {", "\t\timport zt_ask", "\t\t# the longest prefix first"]
    lines += [_proxy(place, route) for place, route in enumerate(site.routes, 1)]
    return "\n".join([*lines, "\t\trespond 404", "\t}", "}", ""])


def _strangers(sites: Sequence[Site], placement: Placement, tls: str) -> str:
    """Caddy takes no dot at the end of an address of a site, but compares hosts with it."""
    dotted = [
        f"\t@zt_dot_{number} host {plain(site.host)}.\n\thandle @zt_dot_{number} {{\n\t\timport zt_site_{number}\n\t}}"
        for number, site in enumerate(sites, 1)
        if not site.host.endswith("]")
    ]
    bind = plain(placement.listen.bare_host)
    return STRANGERS.format(address=_address(placement, ""), bind=bind, tls=tls, dotted="\n".join(dotted))


def _site(number: int, site: Site, placement: Placement, tls: str) -> str:
    lines = [f"{_address(placement, site.host)} {{", f"\tbind {plain(placement.listen.bare_host)}{tls}"]
    return "\n".join([*lines, f"\timport zt_site_{number}", "\timport zt_errors", "}", ""])


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
