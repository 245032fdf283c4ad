-- running, still: the codes of one output
local id, token, output, codes = unpack(ARGV)
if standing(id, token) ~= 'held' then return 'lost' end
redis.call('HSET', key('codes:' .. id), output, codes)
return 'saved'
