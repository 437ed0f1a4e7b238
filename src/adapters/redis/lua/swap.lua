-- KEYS: record, counters, ends. ARGV: now, drift, id, expires, tries limit, each try's charges, body,
-- charges, milliseconds to keep, expected version, 1 if a challenge begins, cleared names.
-- Answers 0 missing, 1 conflict, 2 refused, 3 swapped.
local now = tonumber(ARGV[1])
local wrong = check_clock(now, tonumber(ARGV[2]))
if wrong then
  return wrong
end
local r = redis.call('HMGET', KEYS[1], 'v', 't', 'n')
if not r[1] then
  return {0}
end
local version = tonumber(r[1])
if version ~= tonumber(ARGV[10]) then
  return {1, version}
end
local writes, begun = {}, {}
local over = decide(KEYS[2], ARGV[8], now, writes, begun)
if #over > 0 then
  return answer({2}, over)
end
write(KEYS[2], KEYS[3], writes, begun)
for first = 1, #ARGV[12], 32 do
  local name = string.sub(ARGV[12], first, first + 31)
  local packed = redis.call('HGET', KEYS[2], name)
  if packed then
    local _, _, touched = struct.unpack(COUNTER, packed)
    touched = math.max(now, touched)
    redis.call('HSET', KEYS[2], name, struct.pack(COUNTER, 0, touched, touched))
    redis.call('ZADD', KEYS[3], print_number(touched), 'c' .. name)
  end
end
local tries = r[3]
if ARGV[11] == '1' then
  tries = 0
end
local at = math.max(now, tonumber(r[2]))
redis.call('HSET', KEYS[1], 'v', print_number(version + 1), 'e', ARGV[4], 't', print_number(at),
  'n', tries, 'l', ARGV[5], 'c', ARGV[6], 'b', ARGV[7])
-- Never sooner than before: the clock of this caller may be ahead of the one that wrote the record.
redis.call('PEXPIRE', KEYS[1], ARGV[9], 'GT')
redis.call('ZADD', KEYS[3], ARGV[4], 'r' .. ARGV[3])
return {3, version + 1}
