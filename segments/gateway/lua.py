"""The Lua part of Envoy: what an application gets of an allowed request, and asking again while an answer lasts.

It runs after the question was answered with a yes. Whatever fails in it, fails after the decision; the first half is
therefore kept free of anything that can fail.
"""

from typing import Final

from segments.gateway.headers import (
    AGAIN_HEADER,
    COOKIE_NAMES,
    IDENTITY,
    QUESTION_PREFIX,
    RELAY_HEADER,
    SHOWN,
    TOKEN_PATTERN,
)

ANSWER_MILLISECONDS: Final = 10_000
HOLD_MILLISECONDS: Final = 3_600_000

CUT: Final = """\
-- A Cookie header without what the decision point knows a visitor by: no application gets hold of it. The others stay
-- as they are.
local OURS = { @NAMES@ }
local function cut(cookies)
  local kept, found = {}, false
  for part in string.gmatch(cookies, "[^;]+") do
    if OURS[string.match(part, "^%s*(.-)%s*=")] then found = true else kept[#kept + 1] = part end
  end
  if not found then return cookies end
  return (string.gsub(table.concat(kept, ";"), "^%s+", ""))
end
""".replace("@NAMES@", ", ".join(f'["{name}"] = true' for name in COOKIE_NAMES))

SCRIPT: Final = """\
local EVERY = {milliseconds}
local HOLD = "{hold_cluster}"
local IDENTITY = {{ {identity} }}
local SHOWN = {{ {shown} }}
{cut}
function envoy_on_request(request)
  local headers = request:headers()
  -- For the second question: the request as it was shown to the decision point, one header a line.
  local kept = {{ headers:get(":method"), headers:get(":path"), headers:get(":authority") }}
  for _, name in ipairs(SHOWN) do
    local value = headers:get(name)
    if value ~= nil then kept[#kept + 1] = name .. ":" .. value end
  end
  request:streamInfo():dynamicMetadata():set("zt", "request", table.concat(kept, "\\n"))
  -- Unknown is not there, rather than there and empty.
  for _, name in ipairs(IDENTITY) do
    if headers:get(name) == "" then headers:remove(name) end
  end
  -- The token of a service account is for the decision point; no application gets hold of it.
  local given = headers:get("authorization")
  if given ~= nil and string.find(string.lower(given), "{token}") then
    headers:remove("authorization")
  end
  local left = {{}}
  for i = 0, headers:getNumValues("cookie") - 1 do
    local value = cut(headers:getAtIndex("cookie", i))
    if value ~= "" then left[#left + 1] = value end
  end
  headers:remove("cookie")
  if #left > 0 then headers:add("cookie", table.concat(left, "; ")) end
end

local function allowed(response)
  local lines = {{}}
  for line in string.gmatch(response:streamInfo():dynamicMetadata():get("zt")["request"], "[^\\n]+") do
    lines[#lines + 1] = line
  end
  local headers = {{ [":method"] = lines[1], [":path"] = "{prefix}" .. lines[2], [":authority"] = lines[3] }}
  for i = 4, #lines do
    local name, value = string.match(lines[i], "^([^:]+):(.*)$")
    headers[name] = value
  end
  headers["{again}"] = "1"  -- nobody did anything meanwhile: it keeps no session alive
  local answer = response:httpCall("{cluster}", headers, nil, {timeout})
  return answer[":status"] == "200"
end

-- The chunk at hand cannot be touched once the script has waited, but it leaves only when the script goes on: it waits
-- for an answer that never comes. The connection ends with its idle timeout.
local function hold(response)
  local question = {{ [":method"] = "GET", [":path"] = "/", [":authority"] = "hold", ["{relay}"] = "hold" }}
  local began = response:timestamp()
  while HOLD ~= "" do
    response:httpCall(HOLD, question, nil, {hold})
    if response:timestamp() - began < {hold} then return end  -- it did come: there is nobody to wait for
    began = response:timestamp()
  end
end

function envoy_on_response(response)
  if response:headers():get(":status") == "101" then return end  -- of a websocket, Envoy does not let a script wait
  local asked, cut = response:timestamp(), false
  for chunk in response:bodyChunks() do
    if cut then
      chunk:setBytes("")
    elseif response:timestamp() - asked >= EVERY then
      -- An error here would let the rest pass; it counts as a no.
      local went_well, yes = pcall(allowed, response)
      cut, asked = not (went_well and yes), response:timestamp()
      if cut then
        response:streamInfo():drainConnectionUponCompletion()
        pcall(hold, response)
      end
    end
  end
end
"""


def script(cluster: str, re_ask_seconds: float, hold_cluster: str) -> str:
    """The source of the filter. `hold_cluster` never answers; without one (empty), one more chunk leaves after a no."""
    return SCRIPT.format(
        milliseconds=int(re_ask_seconds * 1000),
        identity=_strings(IDENTITY),
        shown=_strings(SHOWN),
        cut=CUT,
        relay=RELAY_HEADER,
        again=AGAIN_HEADER,
        prefix=QUESTION_PREFIX,
        cluster=cluster,
        token=TOKEN_PATTERN,
        timeout=ANSWER_MILLISECONDS,
        hold=HOLD_MILLISECONDS,
        hold_cluster=hold_cluster,
    )


def _strings(names: tuple[str, ...]) -> str:
    return ", ".join(f'"{name.lower()}"' for name in names)
