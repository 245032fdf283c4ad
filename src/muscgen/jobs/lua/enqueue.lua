-- nothing -> queued; with equal work at hand, a fan of it (queued or running), or succeeded at once
local id, model, request, class, deadline, ttl, tombstone, max_attempts, max_depth, need_worker, idem, body, tenant,
  audio_s, work, concurrency, queue_depth, hook, trace, log, revision = unpack(ARGV)

-- How it went, which job it is, and how that job stands.
local function answer(how, found) return { how, found, snapshot(found) } end

if idem ~= '' then
  local earlier = redis.call('HMGET', key('idem:' .. idem), 'job', 'body')
  if earlier[1] then
    if earlier[2] ~= body then return { 'conflict' } end
    return answer(earlier[1] == id and 'known' or 'same', earlier[1])
  end
end
if redis.call('EXISTS', job(id)) == 1 then return answer('known', id) end

local kept, result, leader
if work ~= '' then
  kept, result = recall(work)
  leader = not kept and redis.call('GET', key('work:' .. work))
  if leader and get(leader, 'cancel') then leader = nil end
end
if not kept and not leader then
  if need_worker == '1' and redis.call('ZCOUNT', key('workers'), '(' .. now, '+inf') == 0 then return { 'noworker' } end
  local depth = redis.call('ZCARD', key('q')) + redis.call('ZCARD', key('delayed'))
  if depth >= tonumber(max_depth) then return { 'full', depth } end
end
if tenant ~= '' and tonumber(queue_depth) > 0 and not kept then
  local waiting = redis.call('SCARD', key('open:' .. tenant)) - redis.call('SCARD', key('busy:' .. tenant))
  if waiting >= tonumber(queue_depth) then return { 'crowded', waiting } end
end

-- No worker writes down who gets another one's song. Until whoever asks has, it is owed to its log.
local function owe()
  if log == '' then return end
  redis.call('COPY', job(id), key('owed:' .. id))
  redis.call('PERSIST', key('owed:' .. id))
  redis.call('HSET', key('owed:' .. id), 'log', log, 'revision', revision)
  redis.call('ZADD', key('owed'), now, id)
end

-- Fair turns: a tenant's next job starts where its last one ends, in seconds of music, and not before the clock.
local line = class .. ':' .. tenant
local clock = tonumber(redis.call('GET', key('clock')) or 0)
local turn = math.max(clock, tonumber(redis.call('HGET', key('turns'), line) or 0))
local score = string.format('%.0f', tonumber(class) * CLASS + turn)

redis.call('HSET', job(id), 'state', 'queued', 'model', model, 'request', request, 'created', now, 'attempts', 0,
  'score', score, 'ttl', ttl, 'tombstone', tombstone, 'max_attempts', max_attempts, 'idem', idem, 'tenant', tenant,
  'most', concurrency)
if trace ~= '' then redis.call('HSET', job(id), 'trace', trace) end
if hook ~= '' then redis.call('HSET', job(id), 'hook', hook) end
if idem ~= '' then redis.call('HSET', key('idem:' .. idem), 'job', id, 'body', body) end
redis.call('ZADD', key('jobs'), now, id)
tell(id, 'queued', '{"reason": "accepted"}')
if work ~= '' then redis.call('HSET', job(id), 'work', work, 'cache', 'miss') end

if kept then
  redis.call('HSET', job(id), 'cache', 'hit', 'leader', kept, 'started', now)
  move(id, 'running')
  conclude(id, 'succeeded', result)
  use(kept, tenant, id, now + tonumber(ttl))
  owe()
  return answer('created', id)
end

if tenant ~= '' then redis.call('SADD', key('open:' .. tenant), id) end
if deadline ~= '0' then
  redis.call('HSET', job(id), 'deadline', now + deadline)
  redis.call('ZADD', key('deadlines'), now + deadline, id)
end
if leader then
  follow(id, leader)
  if get(leader, 'state') == 'running' then
    move(id, 'running')
    redis.call('HSET', job(id), 'started', get(leader, 'started'))
    local progress = get(leader, 'progress')
    if progress then redis.call('HSET', job(id), 'progress', progress) end
    say(id, 'started', '{"attempt": ' .. get(leader, 'attempts') .. '}')
  elseif tonumber(score) < tonumber(get(leader, 'score')) then
    redis.call('HSET', job(leader), 'score', score)
    redis.call('ZADD', key('q'), 'XX', score, leader)
  end
  owe()
  return answer('created', id)
end

if work ~= '' then redis.call('SET', key('work:' .. work), id) end
redis.call('HSET', key('turns'), line, string.format('%.0f', turn + math.max(1, math.ceil(audio_s * 1000))))
redis.call('PEXPIRE', key('turns'), WEEK)
redis.call('ZADD', key('q'), score, id)
local mean = tonumber(redis.call('GET', key('pace')) or audio_s)
redis.call('SET', key('pace'), tostring(0.9 * mean + 0.1 * audio_s), 'PX', WEEK)
wake()
return answer('created', id)
