-- What is owed to this log for `late`, or to another one for `given_up`, is not taken again for as long
local log, late, given_up = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local taken = {}
for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('owed'), '-inf', now - late)) do
  local owed = redis.call('HMGET', key('owed:' .. id), 'log', 'created')
  if owed[1] == log or tonumber(owed[2]) <= now - given_up then
    redis.call('ZADD', key('owed'), now, id)
    taken[#taken + 1] = { id, redis.call('HGETALL', key('owed:' .. id)) }
    if #taken == BATCH then break end
  end
end
return taken
