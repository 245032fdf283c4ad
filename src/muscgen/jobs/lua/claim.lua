-- queued -> running
local lease, age, worker, limit = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4])
upkeep(lease, age)

local claims = {}
while #claims < limit do
  local id = redis.call('ZPOPMIN', key('q'))[1]
  if not id then
    redis.call('DEL', key('wake'))
    break
  end
  move(id, 'running')
  local token = redis.call('INCR', key('seq'))
  local attempt = redis.call('HINCRBY', job(id), 'attempts', 1)
  redis.call('HSET', job(id), 'token', token, 'worker', worker, 'started', now)
  redis.call('ZADD', key('leases'), now + lease, id)
  tell(id, 'started', '{"attempt": ' .. attempt .. '}')
  local kept = redis.call('HMGET', job(id), 'request', 'created', 'deadline')
  claims[#claims + 1] = { id, token, kept[1], attempt, kept[2], tostring(now), kept[3] or '' }
end
return claims
