"""HAProxy: it has no forward-auth of its own, so a Lua action asks."""

from collections.abc import Iterable, Sequence
from typing import Final

from segments.gateway.headers import FORWARDED, IDENTITY, IDENTITY_PATTERNS, OWN_PATHS, TARGET_PATTERNS, TOKEN_PATTERN
from segments.gateway.lua import CUT
from segments.gateway.placement import Placement, literal, plain
from segments.gateway.sites import Route, Site, Upstream, upstreams

FILE: Final = "haproxy.cfg"
UNDECIDED: Final = "Access cannot be decided at the moment. Please try again in a minute."
LUA_FILE: Final = "zt_auth.lua"

HEAD: Final = """\
# HAProxy (2.6 or later, with Lua) in front of the applications of ztproject. Written by `manage.py gateway render
# haproxy`: change the policy, not this. zt_auth.lua lies beside it; `haproxy -c -f haproxy.cfg` checks both.
#
# Every request is asked about at the decision point before anything of it reaches an application, and nothing but its
# 200 lets it through. The decision point answers this machine if its address is in ZT_TRUSTED_PROXIES.

global
  default-path config  # zt_auth.lua is looked for beside this file
  lua-load {lua}
  maxconn 4000
  tune.bufsize 65536   # headers up to 64 KiB
  tune.maxrewrite 8192
  ssl-default-bind-options ssl-min-ver TLSv1.2
  ssl-server-verify required

defaults
  mode http
  timeout http-request 10s
  timeout connect 3s
  timeout client 300s
  timeout server 300s
  timeout tunnel 1h    # a websocket on which nothing happens; what is open is not asked about again
  option http-keep-alive
  option redispatch
  default-server init-addr last,libc,none  # a name that cannot be found now does not keep the others from starting

frontend zt
  bind {listen}
"""

FRONTEND: Final = """\
  # ---- what no client may say. Names with `_`, `.` or other odd characters are dropped: some servers take
  # `Remote_User` for `Remote-User`. HAProxy writes names in lower case before any rule sees them.
  http-request del-header '[^A-Za-z0-9-]' -m reg
  http-request del-header '(?i)^({identity})$' -m reg
  http-request del-header '(?i)^({target})$' -m reg
  # `Connection` names headers that end at a proxy: a client must not end ours at the next one. Websockets are the only
  # thing that a connection may change to.
  acl zt_websocket req.fhdr(Upgrade) -m str -i websocket
  http-request del-header Upgrade unless zt_websocket
  http-request del-header HTTP2-Settings
  http-request del-header Connection
  http-request set-header Connection upgrade if zt_websocket
  http-request set-header X-Forwarded-For %[src]
  http-request set-header X-Forwarded-Proto {scheme}
  http-request set-header X-Forwarded-Host %[req.hdr(Host)]

  # ---- our own pages on each host: the way to the sign-in and back, and out. Matched as received, not decoded: any
  # other way of writing it is asked about like every path.
  acl zt_own path -m reg '^{own}$'
  # Hosts that nobody registered.
  http-request return status 421{unknown}

  # ---- the question. HAProxy neither decodes nor normalises a path: what is asked about is what the application gets.
  http-request lua.zt_auth if !zt_own
  http-request return status 503 content-type text/plain string "{undecided}"{unless_allowed}
  # The token of a service account is for the decision point; no application gets hold of it.
  http-request del-header Authorization if !zt_own {{ req.hdr(Authorization) -m reg -i '{token}' }}

  # An absolute target loses what stands in front of its path: HAProxy has seen to it that it is the Host header's.
  http-request set-uri %[pathq] unless {{ url -m beg "/" }}

  # ---- where it goes, the longest prefix first
  use_backend zt_decision_point if zt_own
"""

LUA: Final = """\
-- Asks the decision point of ztproject about a request. Written by `manage.py gateway render haproxy`.
-- Sets txn.zt_allowed and the identity headers on 200; answers the client itself on 401 and 403; does nothing on
-- anything else, which haproxy.cfg then makes a 503 of.
local URL = "http://{decision_point}/forward-auth/haproxy"
local SCHEME = "{scheme}"
local IDENTITY = {{ {identity} }}
-- Of a connection and not of a request, or said by this file alone.
local NOT_PASSED_ON = {{}}
for _, name in ipairs({{ "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
  "trailer", "transfer-encoding", "upgrade", {forwarded} }}) do NOT_PASSED_ON[name] = true end
-- Of an answer: what the client gets of a refusal.
local RETURNED = {{ "cache-control", "content-security-policy", "content-type", "location", "referrer-policy",
  "set-cookie", "vary", "www-authenticate", "x-content-type-options", "x-frame-options", "x-zt-decision",
  "x-zt-reason" }}

{cut}
local function all(values)  -- HAProxy counts from 0
  local found = {{}}
  for i = 0, #values do if values[i] ~= nil then found[#found + 1] = values[i] end end
  return found
end

local function asked(txn)
  local headers = {{}}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not NOT_PASSED_ON[name:lower()] then headers[name] = all(values) end
  end
  -- The target as it is in the request line, without what an absolute one has in front of its path.
  local path, query = txn.sf:path(), txn.sf:query()
  if query ~= nil and query ~= "" then path = path .. "?" .. query end
  headers["x-forwarded-method"] = {{ txn.sf:method() }}
  headers["x-forwarded-proto"] = {{ SCHEME }}
  headers["x-forwarded-host"] = {{ txn.sf:req_hdr("Host") }}
  headers["x-forwarded-uri"] = {{ path }}
  headers["x-forwarded-for"] = {{ tostring(txn.sf:src()) }}
  return headers
end

local function refuse(txn, answer)
  local reply = txn:reply()
  local status = answer.status
  local headers = answer.headers or {{}}
  if status == 401 and headers["location"] then status = 303 end  -- a browser, which can mend it
  reply:set_status(status)
  for _, name in ipairs(RETURNED) do
    if headers[name] then for _, value in ipairs(all(headers[name])) do reply:add_header(name, value) end end
  end
  reply:set_body(answer.body or "")
  txn:done(reply)
end

core.register_action("zt_auth", {{ "http-req" }}, function(txn)
  txn:set_var("txn.zt_allowed", false)
  local went_well, answer = pcall(function()
    return core.httpclient():get{{ url = URL, headers = asked(txn), timeout = 10000 }}
  end)
  if not went_well or answer == nil then return end
  if answer.status == 200 then
    for _, name in ipairs(IDENTITY) do
      local value = answer.headers[name] and answer.headers[name][0] or ""
      txn.http:req_del_header(name)
      if value ~= "" then txn.http:req_set_header(name, value) end
    end
    local cookies = all(txn.http:req_get_headers()["cookie"] or {{}})
    txn.http:req_del_header("cookie")
    for _, value in ipairs(cookies) do
      local left = cut(value)
      if left ~= "" then txn.http:req_add_header("cookie", left) end
    end
    txn:set_var("txn.zt_allowed", true)
  elseif answer.status == 401 or answer.status == 403 then
    refuse(txn, answer)
  end
end, 0)
"""


def render(sites: Sequence[Site], placement: Placement) -> dict[str, str]:
    """The configuration as files by name. Raises UnwritableError."""
    known = {upstream: f"zt_upstream_{number}" for number, upstream in enumerate(upstreams(sites), 1)}
    parts = [
        HEAD.format(lua=LUA_FILE, listen=_listen(placement)),
        *(_acl(number, site) for number, site in enumerate(sites, 1)),
        FRONTEND.format(
            identity="|".join(IDENTITY_PATTERNS),
            target="|".join(TARGET_PATTERNS),
            own=OWN_PATHS,
            scheme=placement.scheme,
            token=f"^{TOKEN_PATTERN}",
            unknown=" unless zt_known" if sites else "",
            undecided=UNDECIDED,
            unless_allowed=" if !zt_own !{ var(txn.zt_allowed) -m bool }",
        ),
        *(_use(number, site, known) for number, site in enumerate(sites, 1)),
        "  # What is allowed and leads nowhere.",
        "  default_backend zt_nowhere\n",
        "backend zt_nowhere\n  http-request return status 404\n",
        f"backend zt_decision_point\n  server zt_decision_point {plain(str(placement.decision_point))}\n",
        *(_backend(name, upstream, placement.authorities) for upstream, name in known.items()),
    ]
    lua = LUA.format(
        decision_point=plain(str(placement.decision_point)),
        scheme=placement.scheme,
        cut=CUT,
        identity=_strings(name.lower() for name in IDENTITY),
        forwarded=_strings(name.lower() for name in FORWARDED),
    )
    return {FILE: "\n".join(parts), LUA_FILE: lua}


def _listen(placement: Placement) -> str:
    address = plain(str(placement.listen))
    if not placement.is_encrypted:
        return address
    certificate = plain(placement.certificate)
    # HAProxy finds the key in the same file, or in one of the same name with `.key` behind it.
    return f'{address} ssl crt "{certificate}" alpn h2,http/1.1\n  # key: {plain(placement.key)}, as {certificate}.key'


def _acl(number: int, site: Site) -> str:
    """The host by a name of its own, and as one of those that are known: several of a name are an `or`."""
    return "\n".join(f"  acl {name} hdr(host),host_only,lower {_pattern(site)}" for name in (_host(number), "zt_known"))


def _pattern(site: Site) -> str:
    host = plain(site.host)
    if site.is_wildcard:  # one label
        return f"-m reg '^[a-z0-9-]+{literal(host[1:])}[.]?$'"
    return f'-m str "{host}" "{host}."'


def _host(number: int) -> str:
    return f"zt_host_{number}"


def _use(number: int, site: Site, known: dict[Upstream, str]) -> str:
    lines = [f"  # {plain(site.host)}"]
    lines += [f"  use_backend {known[route.upstream]} if {_host(number)}{_conditions(route)}" for route in site.routes]
    return "\n".join(lines)


def _conditions(route: Route) -> str:
    """An `if` knows no brackets: the path as one regular expression, literal but for its end."""
    where = ""
    if route.path != "/":
        where = f' {{ path -m reg{" -i" if route.ignores_case else ""} "^{literal(plain(route.path))}(/|\\$)" }}'
    methods = f" {{ method {' '.join(map(plain, route.methods))} }}" if route.methods else ""
    return where + methods


def _backend(name: str, upstream: Upstream, authorities: str) -> str:
    encryption = ""
    if upstream.is_encrypted:
        encryption = f" ssl verify required ca-file {plain(authorities)} sni str({plain(upstream.host)})"
    return f"backend {name}\n  server {name} {plain(upstream.address)}{encryption}\n"


def _strings(names: Iterable[str]) -> str:
    return ", ".join(f'"{name}"' for name in names)
