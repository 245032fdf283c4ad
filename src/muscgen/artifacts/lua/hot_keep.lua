-- Keep a small file, if nobody changed its artifact since the token was set; the oldest make room.
--   KEYS[1]  <prefix>:index  ids by the time when they go     <prefix>:used   bytes of all
--            <prefix>:sizes  id -> bytes                      <prefix>:<id>   record, content
local prefix, id, token, record, content = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local live_ms, total = tonumber(ARGV[6]), tonumber(ARGV[7])
local index, sizes, used = KEYS[1], prefix .. ':sizes', prefix .. ':used'
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function remove(one)
  redis.call('DEL', prefix .. ':' .. one)
  redis.call('ZREM', index, one)
  local size = redis.call('HGET', sizes, one)
  if size then
    redis.call('HDEL', sizes, one)
    redis.call('DECRBY', used, size)
  end
end

if redis.call('GET', prefix .. ':token:' .. id) ~= token then return 0 end
redis.call('DEL', prefix .. ':token:' .. id)
remove(id)
for _, one in ipairs(redis.call('ZRANGEBYSCORE', index, '-inf', now)) do remove(one) end
local size = #record + #content
if size > total then return 0 end
while tonumber(redis.call('GET', used) or 0) + size > total do
  remove(redis.call('ZRANGE', index, 0, 0)[1])
end
redis.call('HSET', prefix .. ':' .. id, 'record', record, 'content', content)
redis.call('PEXPIRE', prefix .. ':' .. id, live_ms)
redis.call('ZADD', index, now + live_ms, id)
redis.call('HSET', sizes, id, size)
redis.call('INCRBY', used, size)
-- They outlive every file that they count, and go together when no file comes any more.
for _, one in ipairs({ index, sizes, used }) do redis.call('PEXPIRE', one, 86400000) end
return 1
