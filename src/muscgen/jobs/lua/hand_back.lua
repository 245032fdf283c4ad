-- running -> queued in its old place, uncharged, or what was decided before
local id, token = unpack(ARGV)
if standing(id, token) ~= 'held' then return 'lost' end
local state, problem = overruled(id)
if state then return conclude(id, state, nil, problem) end
redis.call('HINCRBY', job(id), 'attempts', -1)
return requeue(id, 'handed_back')
