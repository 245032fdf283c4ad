-- running -> succeeded, or what was decided before
local id, token, result = unpack(ARGV)
local how = standing(id, token)
if how == 'lost' then return 'lost' end
if how == 'done' then return get(id, 'state') end
local state, problem = overruled(id)
if state then return conclude(id, state, nil, problem) end
return conclude(id, 'succeeded', result)
