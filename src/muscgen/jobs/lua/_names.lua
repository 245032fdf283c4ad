-- Before every script: names and the clock. KEYS[1] is the queue of a model; LEGAL, OVERDUE and EXHAUSTED stand
-- above. Times are milliseconds of the server's clock.

local base = string.sub(KEYS[1], 1, -2)
local TIME = redis.call('TIME')
local now = TIME[1] * 1000 + math.floor(TIME[2] / 1000)
local MAX_EVENTS = 2000
local WEEK = 7 * 86400 * 1000
local HEARD = 5 * 60 * 1000  -- so long listeners may take to hear the end
local CLASS = 1e14  -- score = class x CLASS + turn
local BATCH = 200   -- jobs one upkeep looks at, so that a script stays short

local function key(name) return base .. name end
local function job(id) return base .. 'job:' .. id end
local function get(id, field) return redis.call('HGET', job(id), field) end

local post  -- of _outbox.lua

-- One job's listeners hear of it, and its webhook.
local function say(id, kind, payload)
  local number = redis.call('XADD', key('ev:' .. id), 'MAXLEN', '~', MAX_EVENTS, '*', 'kind', kind, 'payload', payload)
  post(id, kind, number)
end

local function move(id, to)
  local from = get(id, 'state')
  if not from or not LEGAL[from][to] then
    error('illegal move of ' .. id .. ' from ' .. tostring(from) .. ' to ' .. to)
  end
  redis.call('HSET', job(id), 'state', to)
end

local function wake()
  redis.call('RPUSH', key('wake'), '1')
  redis.call('LTRIM', key('wake'), 0, 99)
  redis.call('EXPIRE', key('wake'), 60)
end
