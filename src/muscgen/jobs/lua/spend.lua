-- A tenant's account: a job in the last minute, and seconds of music in the quarters of the last day; -1: no limit
local id, per_minute, per_day, audio_s = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local MINUTE, QUARTER, DAY = 60000, 900000, 86400000

redis.call('ZREMRANGEBYSCORE', key('minute'), '-inf', now - MINUTE)
if per_minute >= 0 and redis.call('ZCARD', key('minute')) >= per_minute then
  local oldest = redis.call('ZRANGE', key('minute'), 0, 0, 'WITHSCORES')[2]
  return { 'minute', oldest and oldest + MINUTE - now or MINUTE }
end
local quarter = math.floor(now / QUARTER)
local spent, first = 0, quarter
local day = redis.call('HGETALL', key('day'))
for i = 1, #day, 2 do
  local at = tonumber(day[i])
  if (at + 1) * QUARTER + DAY <= now then redis.call('HDEL', key('day'), day[i])
  else
    spent = spent + day[i + 1]
    first = math.min(first, at)
  end
end
if per_day >= 0 and spent + audio_s > per_day then
  return { 'day', tostring(math.max(0, per_day - spent)), (first + 1) * QUARTER + DAY - now }
end
redis.call('ZADD', key('minute'), now, id)
redis.call('PEXPIRE', key('minute'), MINUTE)
redis.call('HINCRBYFLOAT', key('day'), quarter, audio_s)
redis.call('PEXPIRE', key('day'), DAY + QUARTER)
return { 'spent' }
