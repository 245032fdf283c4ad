-- How a queue stands: waiting by class, waiting for a retry, running, dead, paused, and since when the oldest waits
local CLASSES = 3
local waiting = {}
for class = 0, CLASSES - 1 do
  waiting[class + 1] = redis.call('ZCOUNT', key('q'), class * CLASS, '(' .. string.format('%.0f', (class + 1) * CLASS))
end
local oldest = ''
for class = 0, CLASSES - 1 do
  local first = redis.call('ZRANGEBYSCORE', key('q'), class * CLASS, '+inf', 'LIMIT', 0, 1)[1]
  local created = first and get(first, 'created')
  if created and (oldest == '' or tonumber(created) < tonumber(oldest)) then oldest = created end
end
return { waiting, redis.call('ZCARD', key('delayed')), redis.call('ZCARD', key('leases')), redis.call('ZCARD', key('dead')),
  redis.call('EXISTS', key('paused')), oldest, now, redis.call('ZCARD', key('cache')),
  tonumber(redis.call('GET', key('cachebytes')) or 0) }
