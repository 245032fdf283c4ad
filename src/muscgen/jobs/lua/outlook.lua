-- What those who wait may expect: who works, how long songs are, how many run and wait, whether the model comes
local workers = {}
for i, name in ipairs(redis.call('ZRANGE', key('workers'), 0, -1)) do
  workers[i] = redis.call('GET', key('worker:' .. name)) or ''
end
return { workers, redis.call('GET', key('pace')) or '0', redis.call('ZCARD', key('leases')),
  redis.call('ZCARD', key('q')) + redis.call('ZCARD', key('delayed')), redis.call('GET', key('coming')) or '' }
