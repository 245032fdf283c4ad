-- final -> due now, with the same message as ever: 'due', 'open', 'unwanted', or what snapshot says of no job
local id = ARGV[1]
local out, state = key('hook:out:' .. id), key('hook:' .. id)
if redis.call('LLEN', out) == 0 then
  local standing = redis.call('HMGET', job(id), 'state', 'hook')
  if not standing[1] then return snapshot(id)[1] end
  if next(LEGAL[standing[1]]) then return 'open' end
  if not standing[2] or not string.find(standing[2], 'completed', 1, true) then return 'unwanted' end
  local last = redis.call('XREVRANGE', key('ev:' .. id), '+', '-', 'COUNT', 1)[1]
  if not last then return 'unwanted' end
  post(id, 'completed', last[1])
  return 'due'
end
redis.call('ZREM', key('hooks:dead'), id)
redis.call('HDEL', state, 'tries', 'reason', 'died')
if redis.call('EXISTS', key('hook:job:' .. id)) == 1 then hook_expires(id) end
if not redis.call('HGET', state, 'token') then redis.call('ZADD', key('hooks'), now, id) end
redis.call('PEXPIRE', key('hooks'), HOOK_KEPT)
return 'due'
