-- A kept result goes
forget(ARGV[1])
return 'forgotten'
