-- KEYS: record, counters, ends. ARGV: now, drift, charges. Answers 0 missing, 1 refused, 2 found.
local now = tonumber(ARGV[1])
local wrong = check_clock(now, tonumber(ARGV[2]))
if wrong then
  return wrong
end
local r = redis.call('HMGET', KEYS[1], 'v', 'e', 't', 'n', 'b')
if not r[1] then
  return {0}
end
local writes, begun = {}, {}
local over = decide(KEYS[2], ARGV[3], now, writes, begun)
if #over > 0 then
  return answer({1}, over)
end
write(KEYS[2], KEYS[3], writes, begun)
return answer({2}, r)
