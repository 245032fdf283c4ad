-- The moves.

-- Look at this job now: its worker renews at once and learns how it stands.
local function call_owner(id) redis.call('PUBLISH', key('ctl'), id) end

local function leave_queues(id)
  redis.call('ZREM', key('q'), id)
  redis.call('ZREM', key('delayed'), id)
  redis.call('ZREM', key('leases'), id)
end

-- The sound that listeners were sent goes after a while.
local function hush(id, after)
  for output in string.gmatch(get(id, 'hear') or '', '%d+') do
    redis.call('PEXPIRE', key('snd:' .. output .. ':' .. id), after)
  end
end

-- Who of a tenant is open, and who of them runs; without a name, nobody counts.
local function members(id, set)
  local tenant = get(id, 'tenant')
  return tenant and tenant ~= '' and key(set .. ':' .. tenant)
end

local function rest(id)
  local busy = members(id, 'busy')
  if busy then redis.call('SREM', busy, id) end
end

local function leave_tenant(id)
  local open = members(id, 'open')
  if open then redis.call('SREM', open, id) end
  rest(id)
end

-- Into a final state. Only from here on does anything of the job have an expiry.
function conclude(id, state, result, problem)
  move(id, state)
  leave_queues(id)
  redis.call('ZREM', key('deadlines'), id)
  leave_tenant(id)
  local kept = redis.call('HMGET', job(id), 'ttl', 'tombstone', 'idem')
  local ttl = tonumber(kept[1])
  redis.call('HSET', job(id), 'completed', now, 'expires', now + ttl)
  if result then redis.call('HSET', job(id), 'result', result) end
  if problem then redis.call('HSET', job(id), 'error', problem) end
  say(id, 'completed', '{"state": "' .. state .. '", "error": ' .. (problem or 'null') .. '}')
  redis.call('PEXPIRE', job(id), ttl)
  redis.call('PEXPIRE', key('ev:' .. id), ttl)
  redis.call('SET', key('gone:' .. id), '1', 'PX', ttl + tonumber(kept[2]))
  if kept[3] and kept[3] ~= '' then redis.call('PEXPIRE', key('idem:' .. kept[3]), ttl) end
  redis.call('ZADD', key('expiring'), now + ttl, id)
  settle_fans(id, state, result, problem)
  redis.call('DEL', key('codes:' .. id))
  hush(id, HEARD)
  return state
end

-- Back among those that wait: at once in its old place, or at `due`.
function requeue(id, reason, due)
  move(id, 'queued')
  fans_move(id, 'queued')
  leave_queues(id)
  rest(id)
  redis.call('HDEL', job(id), 'token', 'worker', 'started', 'progress')
  if due then
    redis.call('ZADD', key('delayed'), due, id)
  else
    redis.call('ZADD', key('q'), get(id, 'score'), id)
    wake()
  end
  tell(id, 'queued', '{"reason": "' .. reason .. '"}')
  return 'queued'
end

local function bury(id, problem)
  local kept = redis.call('HMGET', job(id), 'request', 'attempts', 'tenant')
  redis.call('ZADD', key('dead'), now, id)
  redis.call('HSET', key('letter:' .. id), 'request', kept[1], 'attempts', kept[2], 'tenant', kept[3] or '',
    'error', problem, 'died', now)
  redis.call('PEXPIRE', key('letter:' .. id), WEEK)
  return conclude(id, 'failed', nil, problem)
end

local function used_up(id)
  local counts = redis.call('HMGET', job(id), 'attempts', 'max_attempts')
  return tonumber(counts[1]) >= tonumber(counts[2])
end

-- What the client or the deadline has decided before the worker could: a final state, or nil.
local function overruled(id)
  if get(id, 'cancel') then return 'cancelled' end
  local deadline = get(id, 'deadline')
  if deadline and tonumber(deadline) <= now then return 'expired', OVERDUE end
  return nil
end

-- How a token stands: 'held', 'done' (it ended this job itself: an answer was lost), or 'lost'.
local function standing(id, token)
  local owner = redis.call('HMGET', job(id), 'token', 'state')
  if owner[1] ~= token then return 'lost' end
  if owner[2] == 'running' then return 'held' end
  return 'done'
end

-- The server was away for longer than a lease: nobody could renew, so all owners get one more lease.
local function note_contact(lease)
  local last = redis.call('GET', key('tick'))
  if last and now - tonumber(last) > lease then
    for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now)) do
      redis.call('ZADD', key('leases'), now + lease, id)
    end
  end
  redis.call('SET', key('tick'), now)
end

local function reap()
  local lost = redis.call('ZRANGEBYSCORE', key('leases'), '-inf', now, 'LIMIT', 0, BATCH)
  for _, id in ipairs(lost) do
    local state, problem = overruled(id)
    if state then conclude(id, state, nil, problem)
    elseif used_up(id) then bury(id, EXHAUSTED)
    else requeue(id, 'lease_lost') end
  end
  return #lost
end

local function bring_due()
  local due = redis.call('ZRANGEBYSCORE', key('delayed'), '-inf', now, 'LIMIT', 0, BATCH)
  for _, id in ipairs(due) do
    redis.call('ZREM', key('delayed'), id)
    redis.call('ZADD', key('q'), get(id, 'score'), id)
    wake()
  end
  return #due
end

-- A running job has a lease's time to stop by itself; then it is taken away.
local function end_overdue(lease)
  local ended = 0
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('deadlines'), '-inf', now, 'LIMIT', 0, BATCH)) do
    if get(id, 'state') == 'queued' or is_fan(id) or tonumber(get(id, 'deadline')) + lease <= now then
      local state, problem = overruled(id)
      conclude(id, state, nil, problem)
      ended = ended + 1
    end
    call_owner(id)
  end
  return ended
end

-- Batch jobs that have waited long enough stand in line with the normal ones of their day.
local function promote_old(age)
  for _, id in ipairs(redis.call('ZRANGEBYSCORE', key('q'), 2 * CLASS, '+inf', 'LIMIT', 0, BATCH)) do
    if tonumber(get(id, 'created')) + age > now then return end
    local score = tonumber(get(id, 'score')) - CLASS
    redis.call('HSET', job(id), 'score', string.format('%.0f', score))
    redis.call('ZADD', key('q'), string.format('%.0f', score), id)
  end
end

local function tidy()
  local over = redis.call('ZRANGEBYSCORE', key('expiring'), '-inf', now, 'LIMIT', 0, BATCH)
  for _, id in ipairs(over) do
    redis.call('ZREM', key('jobs'), id)
    redis.call('ZREM', key('expiring'), id)
  end
  redis.call('ZREMRANGEBYSCORE', key('dead'), '-inf', now - WEEK)
  redis.call('ZREMRANGEBYSCORE', key('workers'), '-inf', now)
  bound_cache()
end

local function upkeep(lease, age)
  note_contact(lease)
  local moved = reap() + bring_due() + end_overdue(lease)
  promote_old(age)
  tidy()
  return moved
end

local function snapshot(id)
  local fields = redis.call('HGETALL', job(id))
  if #fields == 0 then
    return { redis.call('EXISTS', key('gone:' .. id)) == 1 and 'gone' or 'missing' }
  end
  local depth = redis.call('ZCARD', key('q')) + redis.call('ZCARD', key('delayed'))
  return { 'job', fields, redis.call('ZRANK', key('q'), is_fan(id) and get(id, 'leader') or id) or -1, depth }
end
