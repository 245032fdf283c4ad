-- Equal requests of one tenant share one piece of work. While it is made, the first job is its leader and the
-- others are its fans: full jobs that stand as it stands. Afterwards its result is kept, within bounds.
--   work:<key>     the leader, while it is not final       fans:<leader>  who waits for what it makes
--   cached:<key>   the result of a leader that succeeded   cache          keys by last use; cachebytes: their size
--   uses:<leader>  who points to its files, each as "<tenant> <job, or cache>", until when

local conclude, requeue  -- the moves of one job, below

local function fans(id) return redis.call('SMEMBERS', key('fans:' .. id)) end

local function tell(id, kind, payload)
  say(id, kind, payload)
  for _, fan in ipairs(fans(id)) do say(fan, kind, payload) end
end

local function is_fan(id) return redis.call('SISMEMBER', key('fans:' .. (get(id, 'leader') or '')), id) == 1 end

-- The fans stand as their leader does: `fields` are set, or where there are none, taken away.
local function fans_move(id, to, fields)
  for _, fan in ipairs(fans(id)) do
    move(fan, to)
    if fields then redis.call('HSET', job(fan), unpack(fields))
    else redis.call('HDEL', job(fan), 'started', 'progress') end
  end
end

local function follow(id, leader)
  redis.call('HSET', job(id), 'leader', leader, 'cache', 'coalesced')
  redis.call('SADD', key('fans:' .. leader), id)
end

-- A result's files stay for as long as somebody uses them: jobs that got it, each until it expires, and the cache.
local function uses_end(uses)
  local last = redis.call('ZREVRANGE', uses, 0, 0, 'WITHSCORES')[2]
  if last then redis.call('PEXPIREAT', uses, math.max(now, tonumber(last))) end
end

local function use(leader, tenant, user, till)
  local uses = key('uses:' .. leader)
  redis.call('ZADD', uses, till, tenant .. ' ' .. user)
  uses_end(uses)
end

local function use_no_more(leader, tenant, user)
  local uses = key('uses:' .. leader)
  redis.call('ZREM', uses, tenant .. ' ' .. user)
  uses_end(uses)
end

local function forget(work)
  local kept = redis.call('HMGET', key('cached:' .. work), 'job', 'bytes', 'tenant')
  redis.call('ZREM', key('cache'), work)
  redis.call('ZREM', key('cacheages'), work)
  redis.call('DEL', key('cached:' .. work))
  if not kept[1] then return end
  if redis.call('DECRBY', key('cachebytes'), kept[2]) <= 0 then redis.call('DEL', key('cachebytes')) end
  use_no_more(kept[1], kept[3] or '', 'cache')
end

-- What is too old goes, then the longest unused until the rest fits.
local function bound_cache(most)
  for _, work in ipairs(redis.call('ZRANGEBYSCORE', key('cacheages'), '-inf', now, 'LIMIT', 0, BATCH)) do
    forget(work)
  end
  while most and tonumber(redis.call('GET', key('cachebytes')) or 0) > most do
    forget(redis.call('ZRANGE', key('cache'), 0, 0)[1])
  end
end

local function remember(id, work, result, maker, bytes, age, most)
  forget(work)
  local tenant = get(id, 'tenant') or ''
  redis.call('HSET', key('cached:' .. work), 'job', id, 'result', result, 'maker', maker, 'bytes', bytes,
    'tenant', tenant)
  redis.call('PEXPIRE', key('cached:' .. work), age + WEEK)  -- longer than it serves: its size is taken off first
  redis.call('ZADD', key('cache'), redis.call('INCR', key('seq')), work)
  redis.call('ZADD', key('cacheages'), now + age, work)
  redis.call('INCRBY', key('cachebytes'), bytes)
  use(id, tenant, 'cache', now + age)
  bound_cache(most)
end

-- The kept result of equal work, where workers that are here would make it the same: leader, result; or nil.
local function recall(work)
  local kept = redis.call('HMGET', key('cached:' .. work), 'job', 'result', 'maker')
  if not kept[1] then return nil end
  if tonumber(redis.call('ZSCORE', key('cacheages'), work)) <= now or redis.call('EXISTS', key('uses:' .. kept[1])) == 0 then
    forget(work)
    return nil
  end
  local alive = redis.call('ZCOUNT', key('workers'), '(' .. now, '+inf') > 0
  if alive and redis.call('EXISTS', key('maker:' .. kept[3])) == 0 then return nil end
  redis.call('ZADD', key('cache'), redis.call('INCR', key('seq')), work)
  return kept[1], kept[2]
end

-- The leader leaves without a result: the first fan goes on from its codes, in its place.
local function promote(id)
  local heirs = fans(id)
  redis.call('DEL', key('fans:' .. id))
  if #heirs == 0 then return end
  table.sort(heirs)
  local heir = table.remove(heirs, 1)
  redis.call('HDEL', job(heir), 'leader')
  local score = math.min(tonumber(get(heir, 'score')), tonumber(get(id, 'score')))
  redis.call('HSET', job(heir), 'cache', 'miss', 'score', string.format('%.0f', score))
  redis.call('SET', key('work:' .. get(heir, 'work')), heir)
  for _, fan in ipairs(heirs) do follow(fan, heir) end
  if redis.call('EXISTS', key('codes:' .. id)) == 1 then
    redis.call('RENAME', key('codes:' .. id), key('codes:' .. heir))
  end
  local heard = get(id, 'hear')
  if heard then
    redis.call('HSET', job(heir), 'hear', heard)
    for output in string.gmatch(heard, '%d+') do
      local from, mark = key('snd:' .. output .. ':' .. id), 'sound:' .. output
      if redis.call('EXISTS', from) == 1 then
        redis.call('RENAME', from, key('snd:' .. output .. ':' .. heir))
        redis.call('HSET', job(heir), mark, get(id, mark) or '')
      end
    end
    redis.call('HDEL', job(id), 'hear')
  end
  if get(heir, 'state') == 'running' then
    requeue(heir, 'goes_on')
  else
    redis.call('ZADD', key('q'), get(heir, 'score'), heir)
    wake()
    tell(heir, 'queued', '{"reason": "goes_on"}')
  end
end

-- Whoever waits for a job that is final now gets what it got, or goes on without it.
local function settle_fans(id, state, result, problem)
  local work = get(id, 'work')
  if work and redis.call('GET', key('work:' .. work)) == id then redis.call('DEL', key('work:' .. work)) end
  local leader = get(id, 'leader')
  if leader then redis.call('SREM', key('fans:' .. leader), id) end
  if state == 'cancelled' or state == 'expired' then return promote(id) end
  local waiting = fans(id)
  redis.call('DEL', key('fans:' .. id))
  for _, fan in ipairs(waiting) do
    conclude(fan, state, result, problem)
    if state == 'succeeded' then use(id, get(fan, 'tenant') or '', fan, get(fan, 'expires')) end
  end
end
