-- queued, or running for somebody else too -> cancelled; running is flagged; final stays
local id = ARGV[1]
local state = get(id, 'state')
if state == 'queued' or is_fan(id) then
  redis.call('HSET', job(id), 'cancel', '1')
  conclude(id, 'cancelled')
elseif state == 'running' then
  redis.call('HSET', job(id), 'cancel', '1')
  call_owner(id)
end
return snapshot(id)
