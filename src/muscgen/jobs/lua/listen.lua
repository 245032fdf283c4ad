-- not final: somebody wants to hear an output while it is made
local id, output = unpack(ARGV)
local source = is_fan(id) and get(id, 'leader') or id
local state = get(source, 'state')
if state and next(LEGAL[state]) then
  local heard = get(source, 'hear') or ''
  if not string.find(',' .. heard .. ',', ',' .. output .. ',', 1, true) then
    redis.call('HSET', job(source), 'hear', heard == '' and output or heard .. ',' .. output)
  end
end
return snapshot(id)
