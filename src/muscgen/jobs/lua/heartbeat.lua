-- a worker lives: its record, stamped with the server's time
local worker, record, ttl, maker = unpack(ARGV)
local stamp = string.format('%.3f', now / 1000)
redis.call('SET', key('worker:' .. worker), string.sub(record, 1, -2) .. ', "seen_at": ' .. stamp .. '}', 'PX', ttl)
redis.call('ZADD', key('workers'), now + ttl, worker)
redis.call('PEXPIRE', key('workers'), ttl)
if maker ~= '' then redis.call('SET', key('maker:' .. maker), worker, 'PX', ttl) end
return 'noted'
