-- What a client was told of a job that waits: when it should be done, to be compared with when it is
local id, eta = ARGV[1], ARGV[2]
if get(id, 'state') ~= 'queued' then return 0 end
redis.call('HSET', job(id), 'promised', now + eta)
return 1
