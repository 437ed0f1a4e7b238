-- KEYS: record, counters, ends. ARGV: now, drift, charges.
-- Answers 0 missing, 1 dead, 2 exhausted, 3 charged, 4 refused.
local now = tonumber(ARGV[1])
local wrong = check_clock(now, tonumber(ARGV[2]))
if wrong then
  return wrong
end
local r = redis.call('HMGET', KEYS[1], 'v', 'e', 't', 'n', 'l', 'c', 'b')
if not r[1] then
  return {0}
end
local at = math.max(now, tonumber(r[3]))
if at >= tonumber(r[2]) then
  return {1}
end
local tries = tonumber(r[4]) + 1
if tries > tonumber(r[5]) then
  return {2}
end
local writes, begun = {}, {}
local refused = decide(KEYS[2], ARGV[3], now, writes, begun)
if #refused > 0 then
  return answer({4}, refused)
end
local over = decide(KEYS[2], r[6], now, writes, begun)
-- Printing costs as much as a command; mostly it is the caller's own text.
local touched = at == now and ARGV[1] or print_number(at)
redis.call('HSET', KEYS[1], 'n', tries, 't', touched)
write(KEYS[2], KEYS[3], writes, begun)
return answer({3, tonumber(r[1]), tonumber(r[2]), at, tries, r[7]}, over)
