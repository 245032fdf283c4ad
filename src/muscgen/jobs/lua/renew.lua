-- running, still: for each (id, token) a code of job.Lease
local lease = tonumber(ARGV[1])
note_contact(lease)

local codes = {}
for i = 2, #ARGV, 2 do
  local id, code = ARGV[i], -1
  if standing(id, ARGV[i + 1]) == 'held' then
    redis.call('ZADD', key('leases'), now + lease, id)
    local state = overruled(id)
    code = state == 'cancelled' and 1 or state == 'expired' and 2 or 0
  end
  codes[#codes + 1] = code
end
return codes
