-- running -> queued, uncharged and after a pause, for a worker of another version; buried if none comes for too long
local id, token, problem, pause, patience = ARGV[1], ARGV[2], ARGV[3], tonumber(ARGV[4]), tonumber(ARGV[5])
if standing(id, token) ~= 'held' then return 'lost' end
local state, reason = overruled(id)
if state then return conclude(id, state, nil, reason) end
redis.call('HSETNX', job(id), 'declined', now)
if now - tonumber(get(id, 'declined')) > patience then return bury(id, problem) end
redis.call('HINCRBY', job(id), 'attempts', -1)
return requeue(id, 'handed_back', math.floor(now + pause))
