-- KEYS: record, counters, ends. ARGV: now, drift, id, expires, tries limit, each try's charges, body,
-- charges, milliseconds to keep. Answers 0 exists, 1 refused, 2 inserted.
local now = tonumber(ARGV[1])
local wrong = check_clock(now, tonumber(ARGV[2]))
if wrong then
  return wrong
end
if redis.call('EXISTS', KEYS[1]) == 1 then
  return {0}
end
local writes, begun = {}, {}
local over = decide(KEYS[2], ARGV[8], now, writes, begun)
if #over > 0 then
  return answer({1}, over)
end
redis.call('HSET', KEYS[1], 'v', 1, 'e', ARGV[4], 't', print_number(now), 'n', 0, 'l', ARGV[5],
  'c', ARGV[6], 'b', ARGV[7])
redis.call('PEXPIRE', KEYS[1], ARGV[9])
redis.call('ZADD', KEYS[3], ARGV[4], 'r' .. ARGV[3])
write(KEYS[2], KEYS[3], writes, begun)
return {2}
