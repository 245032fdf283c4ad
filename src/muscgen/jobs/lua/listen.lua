-- not final: somebody wants to hear an output while it is made
local id, output = unpack(ARGV)
local state = get(id, 'state')
if state and next(LEGAL[state]) then
  local heard = get(id, 'hear') or ''
  if not string.find(',' .. heard .. ',', ',' .. output .. ',', 1, true) then
    redis.call('HSET', job(id), 'hear', heard == '' and output or heard .. ',' .. output)
  end
end
return snapshot(id)
