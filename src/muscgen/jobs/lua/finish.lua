-- running -> succeeded, or what was decided before
local id, token, result, maker, bytes, age, most = unpack(ARGV)
local how = standing(id, token)
if how == 'lost' then return 'lost' end
if how == 'done' then return get(id, 'state') end
local state, problem = overruled(id)
if state then return conclude(id, state, nil, problem) end
conclude(id, 'succeeded', result)
local work = get(id, 'work')
if work and tonumber(age) > 0 then remember(id, work, result, maker, bytes, tonumber(age), tonumber(most)) end
return 'succeeded'
