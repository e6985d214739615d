-- wrk -s requests.lua URL -- METHOD PREFIX NAMES SIZE [HEADER: VALUE]...
-- Asks for PREFIX and a random number below NAMES; NAMES 0 counts up, so that every name is new. Prints a line of JSON.
local made = 0
local threads = 0

function setup(thread)
  thread:set("number", threads)
  threads = threads + 1
end

function init(arguments)
  math.randomseed(os.time() + number)
  local method, prefix, names, size = arguments[1], arguments[2], tonumber(arguments[3]), tonumber(arguments[4])
  local headers, body = {}, nil
  for i = 5, #arguments do
    local name, value = arguments[i]:match("^([^:]+): (.*)$")
    headers[name] = value
  end
  if size > 0 then body = string.rep("x", size) end
  if names > 0 then
    local prepared = {}
    for i = 1, names do prepared[i] = wrk.format(method, prefix .. (i - 1), headers, body) end
    request = function() return prepared[math.random(names)] end
  else
    local stamp = string.format("%x-%d-", os.time(), number)
    request = function()
      made = made + 1
      return wrk.format(method, prefix .. stamp .. made, headers, body)
    end
  end
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    'RESULT {"requests":%d,"seconds":%.6f,"p50Us":%d,"p99Us":%d,"failed":%d}\n',
    summary.requests, summary.duration / 1e6, latency:percentile(50), latency:percentile(99),
    errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
