-- due -> held: the first message of each job whose time has come, for as long as the lease
local lease, limit = tonumber(ARGV[1]), tonumber(ARGV[2])

-- What failed, or is only progress, gives way to what is newer.
local function first(id)
  local out, state = key('hook:out:' .. id), key('hook:' .. id)
  while true do
    local entry = redis.call('LINDEX', out, 0)
    if not entry or redis.call('LLEN', out) == 1 then return entry end
    local lesser = string.sub(entry, 1, 8) == 'progress' or redis.call('HGET', state, 'tries')
    if string.sub(entry, 1, 9) == 'completed' or not lesser then return entry end
    redis.call('LPOP', out)
    redis.call('HDEL', state, 'tries')
  end
end

local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('hooks'), '-inf', now, 'LIMIT', 0, limit)) do
  local entry = first(id)
  if entry then
    local state, token = key('hook:' .. id), redis.call('INCR', key('seq'))
    redis.call('HSET', state, 'token', token, 'entry', entry)
    redis.call('ZADD', key('hooks'), now + lease, id)
    local kept = redis.call('HGETALL', key('hook:job:' .. id))
    if #kept == 0 then kept = redis.call('HGETALL', job(id)) end
    taken[#taken + 1] = { id, token, entry, redis.call('HGET', state, 'tries') or '0', kept }
  else
    redis.call('ZREM', key('hooks'), id)
  end
end
return taken
