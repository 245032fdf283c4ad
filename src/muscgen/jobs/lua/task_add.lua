-- nothing -> queued: a part for each place, or each worker, that lives now; an open task of the same wish is found again
local id, kind, model, wish, scope, ttl, asker = unpack(ARGV)

for _, open in ipairs(redis.call('ZRANGE', key('open'), 0, -1)) do
  local same = redis.call('HMGET', key('task:' .. open), 'kind', 'model', 'wish')
  if same[1] == kind and same[2] == model and same[3] == wish then return { 'same', open } end
end

local parts, seen = {}, {}
for _, worker in ipairs(redis.call('ZRANGEBYSCORE', key('workers'), '(' .. now, '+inf')) do
  local part = scope == 'worker' and worker or redis.call('HGET', key('places'), worker)
  if part and not seen[part] then
    seen[part] = true
    parts[#parts + 1] = part
  end
end
if #parts == 0 then return { 'nobody' } end

local task = key('task:' .. id)
redis.call('HSET', task, 'kind', kind, 'model', model, 'wish', wish, 'scope', scope, 'created', now, 'asker', asker,
  'parts', table.concat(parts, ' '))
for _, part in ipairs(parts) do redis.call('HSET', task, part .. '|state', 'queued') end
redis.call('PEXPIRE', task, ttl)
redis.call('ZADD', key('open'), redis.call('INCR', key('seq')), id)
redis.call('ZADD', key('recent'), now + TIME[2] % 1000 / 1000, id)  -- two may come in one millisecond
redis.call('ZREMRANGEBYSCORE', key('recent'), '-inf', now - tonumber(ttl))
redis.call('PEXPIRE', key('recent'), ttl)
redis.call('PEXPIRE', key('open'), ttl)
return { 'added', id }
