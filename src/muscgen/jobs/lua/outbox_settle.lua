-- held -> told, or due again after a pause, or dead, or nobody wants to hear more
local id, token, outcome, pause, reason = unpack(ARGV)
local out, state = key('hook:out:' .. id), key('hook:' .. id)
if redis.call('HGET', state, 'token') ~= token then return 'lost' end
redis.call('HDEL', state, 'token')

if outcome == 'gone' then
  redis.call('HDEL', job(id), 'hook')
  unpost(id)
  return 'gone'
end

local kind = string.match(redis.call('HGET', state, 'entry'), '^%a+')
local newer = kind ~= 'completed' and redis.call('LLEN', out) > 1
if outcome == 'retry' or outcome == 'later' then
  if outcome == 'retry' then
    redis.call('HINCRBY', state, 'tries', 1)
    redis.call('HSET', state, 'reason', reason)
  end
  local due = now + tonumber(pause)
  if newer and outcome == 'retry' then due = now end
  redis.call('ZADD', key('hooks'), due, id)
  return outcome
end
if outcome == 'dead' and kind == 'completed' then
  redis.call('HSET', state, 'reason', reason, 'died', now)
  redis.call('ZREM', key('hooks'), id)
  redis.call('ZREMRANGEBYSCORE', key('hooks:dead'), '-inf', now - WEEK)
  redis.call('ZADD', key('hooks:dead'), now, id)
  redis.call('PEXPIRE', key('hooks:dead'), HOOK_KEPT)
  for _, name in ipairs(hook_keys(id)) do redis.call('PEXPIRE', name, WEEK) end
  return 'dead'
end

redis.call('LPOP', out)
redis.call('HDEL', state, 'tries', 'entry', 'reason')
if kind == 'progress' then redis.call('HSET', state, 'after', now + PROGRESS_PAUSE) end
redis.call('ZREM', key('hooks'), id)
local following = redis.call('LINDEX', out, 0)
if following then
  hook_due(id, redis.call('LLEN', out) > 1 and 'newer' or string.match(following, '^%a+'))
elseif kind == 'completed' then
  unpost(id)
end
return 'told'
