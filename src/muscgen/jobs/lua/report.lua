-- running, still: progress; whether the work should stop, and the outputs that somebody listens to
local id, token, progress = unpack(ARGV)
if standing(id, token) ~= 'held' then return 'lost' end
redis.call('HSET', job(id), 'progress', progress)
for _, fan in ipairs(fans(id)) do redis.call('HSET', job(fan), 'progress', progress) end
tell(id, 'progress', progress)
return {overruled(id) and 1 or 0, get(id, 'hear') or ''}
