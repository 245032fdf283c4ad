-- running, still: sound of one output from sample `at` on; what is there already is not put twice.
-- An entry's id is its take and the sample where it ends, so that readers can begin anywhere.
local id, token, output, take, at, rate, channels, pcm, last, limit = unpack(ARGV)
if standing(id, token) ~= 'held' then return 'lost' end

local stream, mark = key('snd:' .. output .. ':' .. id), 'sound:' .. output
local known, till, whole = string.match(get(id, mark) or '', '^(%d+) (%d+) (%d)$')
at, till = tonumber(at), tonumber(till)
if known ~= take then
  redis.call('XTRIM', stream, 'MAXLEN', 0)  -- that take was thrown away
  till, whole = 0, '0'
end
local width = 2 * channels
local new = at + #pcm / width
if whole == '1' or at > till or (new <= till and last == '0') then return till end
if new * width > tonumber(limit) then return 'full' end

local number = string.format('%d-%d', take + 1, math.max(new, till) + tonumber(last))
redis.call('XADD', stream, number, 'take', take, 'start', till, 'rate', rate, 'channels', channels,
  'pcm', string.sub(pcm, (till - at) * width + 1), 'last', last)
redis.call('HSET', job(id), mark, string.format('%s %d %s', take, math.max(new, till), last))
return math.max(new, till)
