-- a worker lives, and models lie for it at a place
local worker, place, ttl = ARGV[1], ARGV[2], tonumber(ARGV[3])
redis.call('ZADD', key('workers'), now + ttl, worker)
redis.call('HSET', key('places'), worker, place)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', key('workers'), '-inf', now)) do
  redis.call('ZREM', key('workers'), gone)
  redis.call('HDEL', key('places'), gone)
end
redis.call('PEXPIRE', key('workers'), WEEK)
redis.call('PEXPIRE', key('places'), WEEK)
return 'noted'
