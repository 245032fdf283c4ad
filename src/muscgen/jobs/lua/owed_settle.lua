-- The line is written
redis.call('ZREM', key('owed'), ARGV[1])
redis.call('DEL', key('owed:' .. ARGV[1]))
return 'settled'
