-- KEYS: counters, ends. ARGV: now, drift, charges. Answers the counters that are over.
local now = tonumber(ARGV[1])
local wrong = check_clock(now, tonumber(ARGV[2]))
if wrong then
  return wrong
end
local writes, begun = {}, {}
local over = decide(KEYS[1], ARGV[3], now, writes, begun)
if #over > 0 then
  return over
end
write(KEYS[1], KEYS[2], writes, begun)
return {}
