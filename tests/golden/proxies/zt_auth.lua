-- Asks the decision point of ztproject about a request. Written by `manage.py gateway render haproxy`.
-- Sets txn.zt_allowed and the identity headers on 200; answers the client itself on 401 and 403; does nothing on
-- anything else, which haproxy.cfg then makes a 503 of.
local URL = "http://127.0.0.1:8001/forward-auth/haproxy"
local SCHEME = "http"
local IDENTITY = { "remote-user", "remote-name", "remote-email", "remote-groups", "x-zt-segment", "x-zt-decision", "x-zt-assertion" }
-- Of a connection and not of a request, or said by this file alone.
local NOT_PASSED_ON = {}
for _, name in ipairs({ "connection", "content-length", "expect", "host", "keep-alive", "proxy-connection", "te",
  "trailer", "transfer-encoding", "upgrade", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port", "x-forwarded-server", "x-forwarded-prefix", "x-forwarded-path", "x-forwarded-uri", "x-forwarded-url", "x-forwarded-method", "x-forwarded-scheme", "x-forwarded-protocol", "x-forwarded-ssl", "x-forwarded-proto-version", "x-forwarded-by", "x-forwarded-client-cert", "x-forwarded-tls-client-cert", "x-forwarded-tls-client-cert-info" }) do NOT_PASSED_ON[name] = true end
-- Of an answer: what the client gets of a refusal.
local RETURNED = { "cache-control", "content-security-policy", "content-type", "location", "referrer-policy",
  "set-cookie", "vary", "www-authenticate", "x-content-type-options", "x-frame-options", "x-zt-decision",
  "x-zt-reason" }

-- A Cookie header without what the decision point knows a visitor by: no application gets hold of it. The others stay
-- as they are.
local OURS = { ["__Host-zt-app"] = true, ["__Host-zt-start"] = true, ["zt-app"] = true, ["zt-start"] = true }
local function cut(cookies)
  local kept, found = {}, false
  for part in string.gmatch(cookies, "[^;]+") do
    if OURS[string.match(part, "^%s*(.-)%s*=")] then found = true else kept[#kept + 1] = part end
  end
  if not found then return cookies end
  return (string.gsub(table.concat(kept, ";"), "^%s+", ""))
end

local function all(values)  -- HAProxy counts from 0
  local found = {}
  for i = 0, #values do if values[i] ~= nil then found[#found + 1] = values[i] end end
  return found
end

local function asked(txn)
  local headers = {}
  for name, values in pairs(txn.http:req_get_headers()) do
    if not NOT_PASSED_ON[name:lower()] then headers[name] = all(values) end
  end
  -- The target as it is in the request line, without what an absolute one has in front of its path.
  local path, query = txn.sf:path(), txn.sf:query()
  if query ~= nil and query ~= "" then path = path .. "?" .. query end
  headers["x-forwarded-method"] = { txn.sf:method() }
  headers["x-forwarded-proto"] = { SCHEME }
  headers["x-forwarded-host"] = { txn.sf:req_hdr("Host") }
  headers["x-forwarded-uri"] = { path }
  headers["x-forwarded-for"] = { tostring(txn.sf:src()) }
  return headers
end

local function refuse(txn, answer)
  local reply = txn:reply()
  local status = answer.status
  local headers = answer.headers or {}
  if status == 401 and headers["location"] then status = 303 end  -- a browser, which can mend it
  reply:set_status(status)
  for _, name in ipairs(RETURNED) do
    if headers[name] then for _, value in ipairs(all(headers[name])) do reply:add_header(name, value) end end
  end
  reply:set_body(answer.body or "")
  txn:done(reply)
end

core.register_action("zt_auth", { "http-req" }, function(txn)
  txn:set_var("txn.zt_allowed", false)
  local went_well, answer = pcall(function()
    return core.httpclient():get{ url = URL, headers = asked(txn), timeout = 10000 }
  end)
  if not went_well or answer == nil then return end
  if answer.status == 200 then
    for _, name in ipairs(IDENTITY) do
      local value = answer.headers[name] and answer.headers[name][0] or ""
      txn.http:req_del_header(name)
      if value ~= "" then txn.http:req_set_header(name, value) end
    end
    local cookies = all(txn.http:req_get_headers()["cookie"] or {})
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
