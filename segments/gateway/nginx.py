"""nginx: `auth_request`."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from segments.gateway.headers import (
    COOKIE_NAMES,
    COOKIE_PATTERN,
    FORWARDED,
    IDENTITY,
    KNOWN,
    OWN_PATHS,
    TARGETS,
    TOKEN_PATTERN,
)
from segments.gateway.placement import Placement, literal, plain
from segments.gateway.sites import NOWHERE, Route, Site, Upstream, upstreams

FILE: Final = "nginx.conf"
REMOVED_FILE: Final = "zt_removed.conf"

HEAD: Final = """\
# nginx in front of the applications of ztproject. Written by `manage.py gateway render nginx`: change the policy, not
# this. A whole nginx.conf, tested with 1.22: `nginx -t -c /path/to/this`. Put what you need of it into your own.
# zt_removed.conf lies beside it, and belongs into every location that leads to an application.
#
# Every request is asked about at the decision point before anything of it reaches an application, and nothing but its
# 200 lets it through: 401 leads to the sign-in, 403 to the page that says why, and everything else is a 503.
# The decision point answers this machine if its address is in ZT_TRUSTED_PROXIES.

worker_processes auto;
events { worker_connections 1024; }

http {
  # Names with `_`, `.` or other odd characters are dropped: some servers take `Remote_User` for `Remote-User`.
  underscores_in_headers off;
  ignore_invalid_headers on;
  large_client_header_buffers 4 16k;
  server_tokens off;
  access_log off;             # the ledger records every decision, and an address may hold a one-time ticket
  client_max_body_size 100m;  # what an application may be sent; its own limit is the one that counts
  client_header_timeout 10s;
  proxy_buffer_size 16k;      # an answer carries a signed statement of who is asking
  proxy_buffers 8 16k;
  proxy_headers_hash_max_size 4096;
  proxy_headers_hash_bucket_size 128;
  variables_hash_max_size 2048;
  server_names_hash_bucket_size 512;
  server_names_hash_max_size 8192;

  # Websockets are the only thing that a connection may change to.
  map $http_upgrade $zt_upgrade { default ""; "~*^websocket$" websocket; }
  map $zt_upgrade $zt_connection { default ""; websocket upgrade; }
  # The port as the client wrote it. The host itself is always $host, by which nginx chose the server: a request whose
  # address line and Host header differ must not be asked about as one and served as the other.
  map $http_host $zt_port { default ""; "~(?<zt_given_port>:[0-9]+)$" $zt_given_port; }
  # The token of a service account is for the decision point; no application gets hold of it.
  map $http_authorization $zt_authorization { default $http_authorization; "~*^@TOKEN@" ""; }
""".replace("@TOKEN@", TOKEN_PATTERN)
TOLD: Final = """\
  # What a script is told of a refusal: words of the decision point, and nothing that ends the text they stand in.
  map $zt_given_reason $zt_reason { default sign_in_required; "~^[a-z_]+$" $zt_given_reason; }
  map $zt_reference $zt_given_reference { default ""; "~^D-[0-9A-Za-z-]+$" $zt_reference; }
"""
COOKIES: Final = """\
  # Nor of the cookies by which the decision point knows a visitor: each map cuts one out, the others stay as they are.
"""

QUESTION: Final = """\
    # ---- the question
    location = /.zt-question {{
      internal;
      proxy_pass http://zt_decision_point/forward-auth/nginx;
      proxy_method GET;
      proxy_pass_request_body off;
      proxy_http_version 1.1;
      proxy_connect_timeout 3s;
      proxy_read_timeout 10s;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_set_header Host {decision_point};
      # Asked about exactly as it was received: $request_uri is neither decoded nor normalised, and `proxy_pass` without
      # a path hands the application the same.
      proxy_set_header X-Original-URL $scheme://$host$zt_port$request_uri;
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}

    # ---- its answers
    location @zt_sign_in {{
      internal;
      add_header Cache-Control no-store always;
      if ($zt_location) {{ return 303 $zt_location; }}
      default_type application/json;
      return 401 '{{"allowed": false, "reason": "$zt_reason", "reference": "$zt_given_reference"}}';
    }}
    location @zt_refused {{
      internal;
      proxy_pass http://zt_decision_point/.zt/refused?decision=$zt_reference;
      proxy_method GET;
      proxy_pass_request_body off;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Content-Length "";
      proxy_set_header Host $host$zt_port;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
    location @zt_down {{
      internal;
      add_header Cache-Control no-store always;
      default_type text/plain;
      return 503 "Access cannot be decided at the moment. Nothing was let through. Please try again in a minute.\\n";
    }}

    # ---- our own pages on this host: the way to the sign-in and back, and out
    location ^~ /.zt/ {{
      # nginx chose this by the path without `..` and escapes, and sends the one that came.
      if ($request_uri !~ "^{own}([?]|$)") {{ return 404; }}
      proxy_pass http://zt_decision_point;
      proxy_http_version 1.1;
      proxy_set_header Connection "";
      proxy_set_header Host $host$zt_port;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
"""

ASK: Final = """\
      auth_request /.zt-question;
      auth_request_set $zt_location $upstream_http_location;
      auth_request_set $zt_reference $upstream_http_x_zt_decision;
      auth_request_set $zt_given_reason $upstream_http_x_zt_reason;
{identity}
      error_page 401 @zt_sign_in;
      error_page 403 @zt_refused;
      error_page 500 =503 @zt_down;
"""

FORWARD: Final = """\
      proxy_pass {target};
      proxy_http_version 1.1;
      proxy_read_timeout 300s;  # a connection on which nothing comes for that long ends
      proxy_ignore_headers X-Accel-Redirect X-Accel-Expires;  # no application chooses another location
{encryption}      proxy_set_header Host $host$zt_port;
      proxy_set_header Upgrade $zt_upgrade;
      proxy_set_header Connection $zt_connection;
      proxy_set_header Authorization $zt_authorization;
      proxy_set_header Cookie $zt_cookies;
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;
      proxy_set_header X-Forwarded-Host $host$zt_port;
      # Who is asking, from the answer alone; an empty value removes what the client sent.
{identity}
      include zt_removed.conf;
"""

REMOVED: Final = """\
# Names by which applications know a user, or the request before it was forwarded: no client says them. nginx removes no
# header by a pattern; one of another name needs a line of its own here. Written by `manage.py gateway render nginx`.
"""

ENCRYPTION: Final = """\
      proxy_ssl_server_name on;
      proxy_ssl_name {name};
      proxy_ssl_verify on;
      proxy_ssl_verify_depth 4;
      proxy_ssl_trusted_certificate {authorities};
"""


def render(sites: Sequence[Site], placement: Placement) -> dict[str, str]:
    """The configuration as files by name. Raises UnwritableError."""
    known = {upstream: f"zt_upstream_{number}" for number, upstream in enumerate(upstreams(sites), 1)}
    parts = [
        HEAD + (TOLD if sites else "") + COOKIES + _cookies(),
        *_upstreams(known, placement),
        *_choices(sites, known),
        _strangers(placement),
    ]
    parts += [_server(number, site, known, placement) for number, site in enumerate(sites, 1)]
    return {FILE: "\n".join([*parts, "}\n"]), REMOVED_FILE: REMOVED + _removal()}


def _cookies() -> str:
    """One map for each name, and one that lets no cookie through where there are still more of ours."""
    lines, source = [], "$http_cookie"
    for number in range(1, len(COOKIE_NAMES) + 1):
        first = f'"~^[ \\t]*{COOKIE_PATTERN}(?:;[ \\t]*)?(?<zt_behind_{number}>.*)$" $zt_behind_{number};'
        pattern = f"^(?<zt_before_{number}>.*?);[ \\t]*{COOKIE_PATTERN}(?<zt_after_{number}>(?:;.*)?)$"
        later = f'"~{pattern}" $zt_before_{number}$zt_after_{number};'
        lines.append(f"  map {source} $zt_cookies_{number} {{ default {source}; {first} {later} }}")
        source = f"$zt_cookies_{number}"
    lines.append(f'  map {source} $zt_cookies {{ default {source}; "~(?:^|;)[ \\t]*{COOKIE_PATTERN}" ""; }}')
    return "\n".join(lines)


def _upstreams(known: dict[Upstream, str], placement: Placement) -> list[str]:
    named = [("zt_decision_point", str(placement.decision_point))]
    named += [(name, upstream.address) for upstream, name in known.items()]
    kept = "keepalive 16; keepalive_timeout 60s;"  # shorter than the decision point keeps them
    return [f"  upstream {name} {{ server {plain(address)}; {kept} }}" for name, address in named]


def _choices(sites: Sequence[Site], known: dict[Upstream, str]) -> list[str]:
    """Where one prefix has several upstreams: the variable that holds the one for the method."""
    return [
        choice
        for number, site in enumerate(sites, 1)
        for place, routes in enumerate(site.places, 1)
        if len(routes) > 1 or routes[0].methods
        for choice in _choices_of_place(_variable(number, place), routes, known)
    ]


def _choices_of_place(variable: str, routes: Sequence[Route], known: dict[Upstream, str]) -> Iterator[str]:
    """Where to; and, where that is encrypted, the name that its certificate has to have."""
    targets = [(route, f"{route.upstream.scheme}://{known[route.upstream]}") for route in routes]
    yield _choice(variable, targets, NOWHERE)  # allowed, but nobody said where to: 502
    if any(route.upstream.is_encrypted for route in routes):
        names = [(route, plain(route.upstream.host.strip("[]"))) for route in routes]
        yield _choice(variable + NAME, names, "invalid")


def _choice(variable: str, choices: Iterable[tuple[Route, str]], otherwise: str) -> str:
    chosen: dict[str, str] = {}
    for route, value in choices:
        for method in route.methods or ("default",):
            chosen.setdefault(plain(method), value)
    chosen.setdefault("default", otherwise)
    lines = [f"    {method} {value};" for method, value in chosen.items()]
    return "\n".join([f"  map $request_method {variable} {{", *lines, "  }"])


NAME: Final = "_name"  # behind the name of a variable: whose certificate is expected


def _variable(site: int, place: int) -> str:
    return f"$zt_target_{site}_{place}"


def _listen(placement: Placement, more: str = "") -> str:
    encrypted = " ssl http2" if placement.is_encrypted else ""
    lines = [f"    listen {plain(str(placement.listen))}{more}{encrypted};"]
    if placement.is_encrypted:
        lines += [
            f'    ssl_certificate "{plain(placement.certificate)}";',
            f'    ssl_certificate_key "{plain(placement.key)}";',
            "    ssl_protocols TLSv1.2 TLSv1.3;",
        ]
    return "\n".join(lines)


def _strangers(placement: Placement) -> str:
    listen = _listen(placement, " default_server")
    return f"\n  # Hosts that nobody registered.\n  server {{\n{listen}\n    server_name _;\n    return 421;\n  }}"


def _server(number: int, site: Site, known: dict[Upstream, str], placement: Placement) -> str:
    name = plain(site.host)
    if site.is_wildcard:  # one label; nginx's own `*.` would take several
        name = f'"~^[a-z0-9-]+{literal(name[1:])}$"'
    locations = [
        _location(routes, _variable(number, place), known, placement.authorities)
        for place, routes in enumerate(site.places, 1)
    ]
    if not any(route.path == "/" for route in site.routes):
        locations.append(_nowhere())
    parts = [
        f"\n  # {'-' * 20} {plain(site.host)}",
        "  server {",
        _listen(placement),
        f"    server_name {name};\n",
        QUESTION.format(decision_point=plain(str(placement.decision_point)), own=OWN_PATHS),
        "    # ---- the application, the longest prefix first",
        *locations,
        "  }",
    ]
    return "\n".join(parts)


def _location(routes: Sequence[Route], variable: str, known: dict[Upstream, str], authorities: str) -> str:
    route = routes[0]
    single = len(routes) == 1 and not route.methods
    target = f"{route.upstream.scheme}://{known[route.upstream]}" if single else variable
    encryption = ""
    if any(found.upstream.is_encrypted for found in routes):
        name = plain(route.upstream.host.strip("[]")) if single else variable + NAME
        encryption = ENCRYPTION.format(name=name, authorities=plain(authorities))
    forward = FORWARD.format(
        target=target,
        encryption=encryption,
        identity=_lines(f"proxy_set_header {name} {_kept(name)};" for name in IDENTITY),
    )
    operator = "~*" if route.ignores_case else "~"
    where = "/" if route.path == "/" else f'{operator} "^{literal(plain(route.path))}(?:/|$)"'
    return f"    location {where} {{\n{_ask()}{forward}    }}"


def _nowhere() -> str:
    """A path without an upstream: asked about all the same, and never found."""
    return f"    location / {{\n{_ask()}      root /nonexistent;\n      try_files /nonexistent =404;\n    }}"


def _ask() -> str:
    variables = (f"auth_request_set {_kept(name)} $upstream_http_{_folded(name)};" for name in IDENTITY)
    return ASK.format(identity=_lines(variables))


def _removal() -> str:
    """A line for each name that is removed; what is overwritten is not."""
    overwritten = {name.lower() for name in (*IDENTITY, "X-Forwarded-For", "X-Forwarded-Proto", "X-Forwarded-Host")}
    names = {name.lower(): name for name in (*KNOWN, *FORWARDED, *TARGETS)}
    return "".join(f'proxy_set_header {name} "";\n' for folded, name in names.items() if folded not in overwritten)


def _kept(name: str) -> str:
    return f"$zt_{_folded(name.removeprefix('X-ZT-'))}"


def _folded(name: str) -> str:
    return name.lower().replace("-", "_")


def _lines(found: Iterable[str]) -> str:
    return "\n".join(f"      {line}" for line in found)
