import { createHash } from 'node:crypto';

/*
 * What Redis does in one go. A script gets the `held` key of a group, from which it knows the names of all its others,
 * and a request in JSON; it tells the time by Redis's clock alone.
 *
 * callfs:lock:<path>         hash: the lease; ends by itself
 * callfs:locks:held          sorted set: path → when its lease ends. An entry is removed when its lease is released, so
 *                            one without a lease had a holder that did not release: whoever comes next overtakes it
 * callfs:locks:queue:<path>  list: the claims that wait, in the order in which they came
 * callfs:locks:waiter:<id>   string: the channel on which a claim that waits is woken; gone when it is not asked for again
 * callfs:locks:floor         string: a fence given before this one may be refused
 * callfs:locks:epoch         hash: the run of Redis that has all the rest in its memory. Missing or another one: it was
 *                            flushed, restarted or replaced, and may have forgotten leases whose holders still work
 */
const PRELUDE = `
local held = KEYS[1]
local base = string.sub(held, 1, -6)
local epoch, floor = base .. ':epoch', base .. ':floor'
local request = cjson.decode(ARGV[1])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function lockKey(name) return 'callfs:lock:' .. name end
local function queueKey(name) return base .. ':queue:' .. name end
local function waiterKey(id) return base .. ':waiter:' .. id end

-- The id of the lease on a name; what others have put there gets an id of its content.
local function holderOf(name)
  local key = lockKey(name)
  local kind = redis.call('TYPE', key).ok
  if kind == 'none' then return nil end
  if kind == 'hash' then
    local lease = redis.call('HMGET', key, 'id', 'boot', 'names')
    if lease[1] and lease[2] and lease[3] then return lease[1], false end
  end
  return 'foreign.' .. redis.sha1hex(key .. redis.call('DUMP', key)), true
end

local function describe(name)
  local id, foreign = holderOf(name)
  if not id then return nil end
  local key = lockKey(name)
  local fields = {}
  if not foreign then
    fields = redis.call('HMGET', key, 'names', 'instance', 'boot', 'operation', 'user', 'request', 'acquired', 'fence')
  end
  return { name, id, now, redis.call('PTTL', key), fields }
end

-- Who is next; those who have not asked again for too long are not.
local function firstWaiter(name)
  local queue = queueKey(name)
  while true do
    local first = redis.call('LINDEX', queue, 0)
    if not first then return nil end
    local channel = redis.call('GET', waiterKey(first))
    if channel then return first, channel end
    redis.call('LPOP', queue)
  end
end

local function wakeNext(name)
  local first, channel = firstWaiter(name)
  if first then redis.call('PUBLISH', channel, 'turn ' .. first) end
end

local function raiseFloor(fence)
  if fence > tonumber(redis.call('GET', floor) or 0) then redis.call('SET', floor, fence) end
end

-- Ends a lease; the name stays marked while an earlier holder has to be overtaken.
local function free(name, isUnraised)
  redis.call('DEL', lockKey(name))
  if isUnraised then redis.call('ZADD', held, now, name) else redis.call('ZREM', held, name) end
  wakeNext(name)
end
`;

/** Milliseconds that whoever noticed a loss of memory first has for raising the fences; the others wait. */
const SETTLE_MS = 2_000;

const ACQUIRE = `
local id, names = request.id, request.names

local function busy(index, holder)
  if request.queue then
    local waiter = waiterKey(id)
    local waits = redis.call('EXISTS', waiter) == 1
    redis.call('SET', waiter, request.channel, 'PX', request.patience)
    for _, name in ipairs(names) do
      local queue = queueKey(name)
      if not waits then
        redis.call('LREM', queue, 0, id)
        redis.call('RPUSH', queue, id)
      end
      redis.call('PEXPIRE', queue, request.patience * 4)
    end
  end
  return { 0, index, holder and describe(names[index]) or false }
end

for index, name in ipairs(names) do
  local holder = holderOf(name)
  if holder and holder ~= id then return busy(index, true) end
  if not holder then
    local first = firstWaiter(name)
    if first and first ~= id then return busy(index, false) end
  end
end

local run = string.match(redis.call('INFO', 'server'), 'run_id:(%x+)')
local known = redis.call('HMGET', epoch, 'run', 'settler', 'since')
local isLost = known[1] ~= run or known[2] ~= false
if isLost then
  local settles = known[1] == run and known[2] ~= id and now - known[3] < ${SETTLE_MS}
  if settles then return busy(1, false) end
  redis.call('HSET', epoch, 'run', run, 'settler', id, 'since', now)
end

local answer = { 1, redis.call('GET', floor) or 0, isLost and 1 or 0 }
for _, name in ipairs(names) do
  local key = lockKey(name)
  local isUnraised
  if holderOf(name) then
    isUnraised = redis.call('HGET', key, 'unraised') == '1'
  else
    isUnraised = redis.call('ZSCORE', held, name) ~= false
    redis.call('HSET', key, 'id', id, 'names', request.list, 'instance', request.instance, 'boot', request.boot,
      'operation', request.operation, 'user', request.user, 'request', request.request, 'channel', request.channel,
      'acquired', now, 'renewed', now, 'fence', 0, 'unraised', (isUnraised or isLost) and '1' or '0')
    redis.call('LREM', queueKey(name), 1, id)
  end
  redis.call('PEXPIRE', key, request.ttl)
  redis.call('ZADD', held, now + request.ttl, name)
  if isUnraised then answer[#answer + 1] = name end
end
redis.call('DEL', waiterKey(id))
return answer
`;

const RELEASE = `
local id = request.id
local all = 1
for _, name in ipairs(request.names) do
  if holderOf(name) == id then
    local isUnraised = redis.call('HGET', lockKey(name), 'unraised') == '1'
    if isUnraised and redis.call('HGET', epoch, 'settler') == id then redis.call('DEL', epoch) end
    free(name, isUnraised)
  else
    all = 0
  end
end
if request.leaving then
  redis.call('DEL', waiterKey(id))
  for _, name in ipairs(request.names) do
    if redis.call('LREM', queueKey(name), 0, id) > 0 and not holderOf(name) then wakeNext(name) end
  end
end
return all
`;

const CONFIRM = `
for _, name in ipairs(request.names) do
  if holderOf(name) ~= request.id then return 0 end
end
local hasRaised = false
for _, name in ipairs(request.names) do
  hasRaised = hasRaised or redis.call('HGET', lockKey(name), 'unraised') == '1'
  redis.call('HSET', lockKey(name), 'fence', request.fence, 'unraised', '0')
end
-- The fences that other nodes keep at hand may be below the one that was raised.
if hasRaised then raiseFloor(request.fence) end
if redis.call('HGET', epoch, 'settler') == request.id then redis.call('HDEL', epoch, 'settler', 'since') end
return 1
`;

const RENEW = `
local gone = {}
for _, claim in ipairs(request.claims) do
  local isHeld = true
  for _, name in ipairs(claim.names) do isHeld = isHeld and holderOf(name) == claim.id end
  if isHeld then
    for _, name in ipairs(claim.names) do
      redis.call('HSET', lockKey(name), 'renewed', now)
      redis.call('PEXPIRE', lockKey(name), request.ttl)
      redis.call('ZADD', held, now + request.ttl, name)
    end
  else
    gone[#gone + 1] = claim.id
  end
end
return gone
`;

const CLEAR = `
raiseFloor(request.floor)
local outcomes = {}
for index, lease in ipairs(request.leases) do
  local own, others, newer, channel = {}, false, false, false
  for _, name in ipairs(lease.names) do
    local holder, foreign = holderOf(name)
    if holder == lease.id then
      own[#own + 1] = name
      if not foreign then
        local fields = redis.call('HMGET', lockKey(name), 'fence', 'channel')
        newer = newer or (request.upTo ~= cjson.null and tonumber(fields[1] or 0) > request.upTo)
        channel = fields[2]
      end
    elseif holder then
      others = true
    end
  end
  if newer or (#own == 0 and others) then
    outcomes[index] = 'changed'
  elseif #own == 0 then
    outcomes[index] = 'gone'
  else
    for _, name in ipairs(own) do free(name, request.floor == 0) end
    if channel then redis.call('PUBLISH', channel, 'cleared ' .. lease.id) end
    outcomes[index] = 'cleared'
  end
end
return outcomes
`;

const READ = `
local found = {}
for _, name in ipairs(request.names) do found[#found + 1] = describe(name) end
return found
`;

/** A script with the name under which Redis keeps it. */
export class RedisScript {
  readonly text: string;
  readonly sha: string;

  constructor(body: string) {
    this.text = PRELUDE + body;
    this.sha = createHash('sha1').update(this.text).digest('hex');
  }
}

export const SCRIPTS = {
  acquire: new RedisScript(ACQUIRE),
  release: new RedisScript(RELEASE),
  confirm: new RedisScript(CONFIRM),
  renew: new RedisScript(RENEW),
  clear: new RedisScript(CLEAR),
  read: new RedisScript(READ),
} as const;
