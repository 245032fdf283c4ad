-- upkeep alone: how many jobs moved
return upkeep(tonumber(ARGV[1]), tonumber(ARGV[2]))
