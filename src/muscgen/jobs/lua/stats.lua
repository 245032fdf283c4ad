-- How a queue stands: by class what waits and since when its next; waiting for a retry, running, dead, paused
local waiting, since = {}, {}
for class = 0, 2 do
  local first, beyond = class * CLASS, '(' .. string.format('%.0f', (class + 1) * CLASS)
  waiting[class + 1] = redis.call('ZCOUNT', key('q'), first, beyond)
  local next_one = redis.call('ZRANGEBYSCORE', key('q'), first, beyond, 'LIMIT', 0, 1)[1]
  since[class + 1] = next_one and get(next_one, 'created') or ''
end
return { waiting, since, now, redis.call('ZCARD', key('delayed')), redis.call('ZCARD', key('leases')),
  redis.call('ZCARD', key('dead')), redis.call('EXISTS', key('paused')), redis.call('ZCARD', key('cache')),
  tonumber(redis.call('GET', key('cachebytes')) or 0) }
