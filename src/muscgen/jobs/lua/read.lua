-- look at some jobs
local found = {}
for i, id in ipairs(ARGV) do found[i] = snapshot(id) end
return found
