-- What was spent for a job that never was
local id, audio_s = unpack(ARGV)
local at = redis.call('ZSCORE', key('minute'), id)
if at then
  redis.call('ZREM', key('minute'), id)
  redis.call('HINCRBYFLOAT', key('day'), math.floor(at / 900000), -audio_s)
end
return 'refunded'
