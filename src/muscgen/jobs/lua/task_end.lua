-- running -> succeeded, failed or cancelled
local id, part, token, state, problem = unpack(ARGV)
local task = key('task:' .. id)
if redis.call('HGET', task, part .. '|token') ~= token then return 'lost' end
redis.call('HSET', task, part .. '|state', state, part .. '|ended', now)
redis.call('HDEL', task, part .. '|token')
if problem ~= '' then redis.call('HSET', task, part .. '|error', problem) end
for one in string.gmatch(redis.call('HGET', task, 'parts'), '%S+') do
  local other = redis.call('HGET', task, one .. '|state')
  if other == 'queued' or other == 'running' then return state end
end
redis.call('ZREM', key('open'), id)
return state
