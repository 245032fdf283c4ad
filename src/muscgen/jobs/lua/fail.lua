-- running -> failed, or queued for another try, or what was decided before
local id, token, problem, retry, cap = unpack(ARGV)
local how = standing(id, token)
if how == 'lost' then return 'lost' end
if how == 'done' then return get(id, 'state') end
local state, reason = overruled(id)
if state then return conclude(id, state, nil, reason) end
if retry == '0' then return conclude(id, 'failed', nil, problem) end
if used_up(id) then return bury(id, problem) end
local pause = math.min(tonumber(cap), 1000 * 2 ^ tonumber(get(id, 'attempts')))
local jitter = (TIME[2] + token % 1000 * 7919) % 1000 / 1000 * pause / 4  -- math.random is the same in every script
return requeue(id, 'retry', math.floor(now + pause + jitter))
