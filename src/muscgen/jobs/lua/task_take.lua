-- queued -> running: the oldest part that waits for this worker, or whose worker was not heard of for a lease
local worker, place, lease, lost = ARGV[1], ARGV[2], tonumber(ARGV[3]), ARGV[4]

local function lives(part, scope)
  for _, one in ipairs(redis.call('ZRANGEBYSCORE', key('workers'), '(' .. now, '+inf')) do
    if one == part or (scope == 'place' and redis.call('HGET', key('places'), one) == part) then return true end
  end
  return false
end

for _, id in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
  local task = key('task:' .. id)
  local kept = redis.call('HMGET', task, 'parts', 'scope', 'kind', 'model', 'wish', 'cancel')
  local open = false
  for part in string.gmatch(kept[1] or '', '%S+') do
    local state, till = unpack(redis.call('HMGET', task, part .. '|state', part .. '|until'))
    local free = state == 'queued' or (state == 'running' and tonumber(till) <= now)
    if free and kept[6] then
      redis.call('HSET', task, part .. '|state', 'cancelled', part .. '|ended', now)
    elseif free and (part == worker or part == place) then
      local token = redis.call('INCR', key('seq'))
      redis.call('HSET', task, part .. '|state', 'running', part .. '|token', token, part .. '|until', now + lease,
        part .. '|worker', worker)
      return { id, part, token, kept[3], kept[4], kept[5] }
    elseif free and not lives(part, kept[2]) then
      redis.call('HSET', task, part .. '|state', 'failed', part .. '|error', lost, part .. '|ended', now)
    elseif state == 'queued' or state == 'running' then
      open = true
    end
  end
  if not open then redis.call('ZREM', key('open'), id) end
end
return false
