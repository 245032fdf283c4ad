-- nothing -> queued
local id, model, request, class, deadline, ttl, tombstone, max_attempts, max_depth, need_worker, idem, body, tenant,
  audio_s = unpack(ARGV)

local function place(found) return redis.call('ZRANK', key('q'), found) or -1 end

if idem ~= '' then
  local earlier = redis.call('HMGET', key('idem:' .. idem), 'job', 'body')
  if earlier[1] then
    if earlier[2] ~= body then return { 'conflict' } end
    return { earlier[1] == id and 'known' or 'same', earlier[1], place(earlier[1]) }
  end
end
if redis.call('EXISTS', job(id)) == 1 then return { 'known', id, place(id) } end
if need_worker == '1' and redis.call('ZCOUNT', key('workers'), '(' .. now, '+inf') == 0 then return { 'noworker' } end
local depth = redis.call('ZCARD', key('q')) + redis.call('ZCARD', key('delayed'))
if depth >= tonumber(max_depth) then return { 'full', depth } end

local score = string.format('%.0f', tonumber(class) * CLASS + redis.call('INCR', key('seq')))
redis.call('HSET', job(id), 'state', 'queued', 'model', model, 'request', request, 'created', now, 'attempts', 0,
  'score', score, 'ttl', ttl, 'tombstone', tombstone, 'max_attempts', max_attempts, 'idem', idem, 'tenant', tenant)
if deadline ~= '0' then
  redis.call('HSET', job(id), 'deadline', now + deadline)
  redis.call('ZADD', key('deadlines'), now + deadline, id)
end
if idem ~= '' then redis.call('HSET', key('idem:' .. idem), 'job', id, 'body', body) end
redis.call('ZADD', key('jobs'), now, id)
redis.call('ZADD', key('q'), score, id)
local mean = tonumber(redis.call('GET', key('pace')) or audio_s)
redis.call('SET', key('pace'), tostring(0.9 * mean + 0.1 * audio_s), 'PX', WEEK)
tell(id, 'queued', '{"reason": "accepted"}')
wake()
return { 'created', id, place(id) }
