"""The Lua part of Envoy: what an application gets of an allowed request, and asking again while an answer lasts.

It runs after the question was answered with a yes. Whatever fails in it, fails after the decision; the first half is
therefore kept free of anything that can fail.
"""

from typing import Final

from segments.gateway.headers import IDENTITY, SHOWN

QUESTION_PREFIX: Final = "/forward-auth/envoy"

SCRIPT: Final = """\
local EVERY = {milliseconds}
local IDENTITY = {{ {identity} }}
local SHOWN = {{ {shown} }}

function envoy_on_request(request)
  local headers = request:headers()
  -- For the second question: the request as it was shown to the decision point.
  local kept = {{ method = headers:get(":method"), path = headers:get(":path"), host = headers:get(":authority") }}
  for _, name in ipairs(SHOWN) do
    local value = headers:get(name)
    if value ~= nil then kept["h:" .. name] = value end
  end
  local metadata = request:streamInfo():dynamicMetadata()
  for name, value in pairs(kept) do metadata:set("zt", name, value) end
  -- Unknown is not there, rather than there and empty.
  for _, name in ipairs(IDENTITY) do
    if headers:get(name) == "" then headers:remove(name) end
  end
  -- The token of a service account is for the decision point; no application gets hold of it. The relay asks with it.
  local given = headers:get("authorization")
  if given ~= nil and headers:get("x-zt-relay") == nil and string.find(string.lower(given), "bearer[ ,]*zts_") then
    headers:remove("authorization")
  end
end

local function refused(response, kept)
  local headers = {{
    [":method"] = kept["method"], [":path"] = "{prefix}" .. kept["path"], [":authority"] = kept["host"],
  }}
  for _, name in ipairs(SHOWN) do headers[name] = kept["h:" .. name] end
  local answer = response:httpCall("{cluster}", headers, nil, 10000)
  return answer == nil or answer[":status"] ~= "200"
end

function envoy_on_response(response)
  local kept = response:streamInfo():dynamicMetadata():get("zt")
  if kept == nil then return end
  local asked, cut = response:timestamp(), false
  for chunk in response:bodyChunks() do
    if not cut and response:timestamp() - asked >= EVERY then
      cut = refused(response, kept)
      asked = response:timestamp()
    end
    if cut then chunk:setBytes("") end
  end
end
"""


def script(cluster: str, re_ask_seconds: float) -> str:
    """The source of the filter."""
    return SCRIPT.format(
        milliseconds=int(re_ask_seconds * 1000),
        identity=_strings(IDENTITY),
        shown=_strings(SHOWN),
        prefix=QUESTION_PREFIX,
        cluster=cluster,
    )


def _strings(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name.lower()}"' for name in names)
