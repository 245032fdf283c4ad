-- running, still: how far it is; whether it is to stop
local id, part, token, lease, progress = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), ARGV[5]
local task = key('task:' .. id)
if redis.call('HGET', task, part .. '|token') ~= token then return 'lost' end
redis.call('HSET', task, part .. '|until', now + lease, part .. '|progress', progress)
return redis.call('HEXISTS', task, 'cancel') == 1 and 'cancel' or 'held'
