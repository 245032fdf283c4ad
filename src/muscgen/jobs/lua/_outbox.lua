-- What webhooks are still to be told. A job with a field `hook` (the kinds that are wanted) has
--   hook:out:<id>  its messages in order, each "<kind> <event's id>"    hooks       when each job is due
--   hook:<id>      how the first of them stands, and who holds it       hooks:dead  whom nobody could tell
--   hook:job:<id>  the job as it ended, since its record may go before the end is told

local PROGRESS_PAUSE = 500          -- at most two calls a second
local HOOK_KEPT = 9 * 86400 * 1000  -- a day of tries and a week as a dead letter

local function hook_keys(id) return { key('hook:out:' .. id), key('hook:' .. id), key('hook:job:' .. id) } end

local function hook_expires(id)
  for _, name in ipairs(hook_keys(id)) do redis.call('PEXPIRE', name, HOOK_KEPT) end
end

local function unpost(id)
  redis.call('DEL', unpack(hook_keys(id)))
  redis.call('ZREM', key('hooks'), id)
  redis.call('ZREM', key('hooks:dead'), id)
end

-- Due now, or when the pause after progress is over; whoever holds the job looks again when it is done.
local function hook_due(id, kind)
  local standing = redis.call('HMGET', key('hook:' .. id), 'token', 'after')
  local due = kind == 'progress' and math.max(now, tonumber(standing[2] or 0)) or now
  local sooner = kind == 'completed' and not standing[1]  -- nobody waits for the end because a lesser call failed
  if sooner then redis.call('ZADD', key('hooks'), due, id) else redis.call('ZADD', key('hooks'), 'NX', due, id) end
  redis.call('PEXPIRE', key('hooks'), HOOK_KEPT)
end

-- Progress that nobody holds yet stands for what comes after it too.
local function stands_for_more(id)
  local last = redis.call('LINDEX', key('hook:out:' .. id), -1)
  return last and string.sub(last, 1, 8) == 'progress' and last ~= redis.call('HGET', key('hook:' .. id), 'entry')
end

post = function(id, kind, number)
  local wanted = get(id, 'hook')
  if not wanted then return end
  local out = key('hook:out:' .. id)
  if string.find(wanted, kind, 1, true) then
    if kind ~= 'progress' or not stands_for_more(id) then redis.call('RPUSH', out, kind .. ' ' .. number) end
    redis.call('HSET', key('hook:' .. id), 'posted', now)
    hook_due(id, kind)
  end
  if kind == 'completed' then
    if redis.call('LLEN', out) > 0 then redis.call('COPY', job(id), key('hook:job:' .. id), 'REPLACE') end
    hook_expires(id)
  end
end
