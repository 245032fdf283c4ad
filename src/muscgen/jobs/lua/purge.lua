-- Everything that waits -> cancelled, BATCH jobs at a time; running ones and their fans are left alone
local gone = 0
for _, set in ipairs({ 'q', 'delayed' }) do
  for _, id in ipairs(redis.call('ZRANGE', key(set), 0, BATCH - 1)) do
    for _, fan in ipairs(fans(id)) do
      redis.call('HSET', job(fan), 'cancel', '1')
      conclude(fan, 'cancelled')
      gone = gone + 1
    end
    redis.call('HSET', job(id), 'cancel', '1')
    conclude(id, 'cancelled')
    gone = gone + 1
  end
end
return gone
