-- anything -> nothing, by way of cancelled; its token opens nothing any more
local id = ARGV[1]
local state = get(id, 'state')
if not state then return snapshot(id) end
if next(LEGAL[state]) then
  conclude(id, 'cancelled')
  call_owner(id)
else
  unpost(id)
end
local last = snapshot(id)
local work = get(id, 'work')
if work and redis.call('HGET', key('cached:' .. work), 'job') == id then forget(work) end
local leader = get(id, 'leader')
if leader then use_no_more(leader, get(id, 'tenant') or '', id) end
hush(id, 0)
local idem = get(id, 'idem')
if idem ~= '' then redis.call('DEL', key('idem:' .. idem)) end
redis.call('DEL', job(id), key('gone:' .. id), key('letter:' .. id))
redis.call('ZREM', key('jobs'), id)
redis.call('ZREM', key('expiring'), id)
redis.call('ZREM', key('dead'), id)
redis.call('EXPIRE', key('ev:' .. id), 60)  -- so that those who listen hear the end
return last
