-- running -> cancelled, or expired
local id, token = unpack(ARGV)
local how = standing(id, token)
if how == 'lost' then return 'lost' end
if how == 'done' then return get(id, 'state') end
local state, problem = overruled(id)
return conclude(id, state or 'cancelled', nil, problem)
