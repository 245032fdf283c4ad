-- running, still: progress; 1 if the work should stop
local id, token, progress = unpack(ARGV)
if standing(id, token) ~= 'held' then return 'lost' end
redis.call('HSET', job(id), 'progress', progress)
for _, fan in ipairs(fans(id)) do redis.call('HSET', job(fan), 'progress', progress) end
tell(id, 'progress', progress)
return overruled(id) and 1 or 0
