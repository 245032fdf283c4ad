-- running, still: an event
local id, token, kind, payload = unpack(ARGV)
if standing(id, token) ~= 'held' then return 'lost' end
tell(id, kind, payload)
return 'told'
