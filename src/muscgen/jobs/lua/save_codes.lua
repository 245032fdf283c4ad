-- running, still: the codes of some outputs, each after its index
local id, token = ARGV[1], ARGV[2]
if standing(id, token) ~= 'held' then return 'lost' end
redis.call('HSET', key('codes:' .. id), unpack(ARGV, 3))
return 'saved'
