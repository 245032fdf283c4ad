-- queued -> running
local lease, age, worker, limit, speed = tonumber(ARGV[1]), tonumber(ARGV[2]), ARGV[3], tonumber(ARGV[4]),
  tonumber(ARGV[5])
-- Drawn by who claims: a counter here could come again after a fail-over, and open what another holds.
local token = tonumber(ARGV[6])
upkeep(lease, age)

local SLACK = 2  -- a job is given up only if even twice the measured speed would not do

-- Whether it would be made in vain: its deadline passes before the song can be there.
local function hopeless(id)
  local kept = redis.call('HMGET', job(id), 'deadline', 'request')
  if not kept[1] or speed <= 0 then return false end
  local request = cjson.decode(kept[2])
  return now + 1000 * request['duration'] / (speed * SLACK) > tonumber(kept[1])
end

local function has_turn(id)
  local most, busy = tonumber(get(id, 'most') or 0), members(id, 'busy')
  return not busy or most == 0 or redis.call('SCARD', busy) < most
end

-- The first in line whose tenant may have one more made. Nobody's turn is looked at for more than LOOKS jobs.
local LOOKS = 1000
local function next_one()
  for at = 0, LOOKS - 1, 50 do
    local ids = redis.call('ZRANGE', key('q'), at, at + 49)
    for _, id in ipairs(ids) do
      if has_turn(id) then return id end
    end
    if #ids < 50 then return nil end
  end
end

local claims = {}
while #claims < limit and redis.call('EXISTS', key('paused')) == 0 do
  local id = next_one()
  if not id then
    if redis.call('ZCARD', key('q')) == 0 then redis.call('DEL', key('turns')) end
    redis.call('DEL', key('wake'))
    break
  end
  redis.call('ZREM', key('q'), id)
  local turn = tonumber(get(id, 'score')) % CLASS
  if turn >= tonumber(redis.call('GET', key('clock')) or 0) then
    redis.call('SET', key('clock'), string.format('%.0f', turn + 1))
  end
  if hopeless(id) and #fans(id) == 0 then
    conclude(id, 'expired', nil, OVERDUE)
  else
    move(id, 'running')
    fans_move(id, 'running', { 'started', now })
    local attempt = redis.call('HINCRBY', job(id), 'attempts', 1)
    redis.call('HSET', job(id), 'token', ARGV[6], 'worker', worker, 'started', now)
    redis.call('ZADD', key('leases'), now + lease, id)
    local busy = members(id, 'busy')
    if busy then redis.call('SADD', busy, id) end
    tell(id, 'started', '{"attempt": ' .. attempt .. '}')
    local kept = redis.call('HMGET', job(id), 'request', 'created', 'deadline', 'tenant', 'trace', 'promised')
    claims[#claims + 1] = { id, token, kept[1], attempt, kept[2], tostring(now), kept[3] or '', kept[4] or '',
      kept[5] or '', kept[6] or '' }
  end
end
return claims
