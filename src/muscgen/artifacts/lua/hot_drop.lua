-- Forget a small file, and whatever is just being read of it.
local prefix, id = ARGV[1], ARGV[2]
redis.call('DEL', prefix .. ':' .. id, prefix .. ':token:' .. id)
redis.call('ZREM', KEYS[1], id)
local size = redis.call('HGET', prefix .. ':sizes', id)
if size then
  redis.call('HDEL', prefix .. ':sizes', id)
  redis.call('DECRBY', prefix .. ':used', size)
end
return 1
