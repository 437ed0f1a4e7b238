-- KEYS: counters, ends, then a record for each name that begins with r. ARGV: now, drift, before, then
-- names as they stand in the set of ends. Answers how many were removed.
local now = tonumber(ARGV[1])
local wrong = check_clock(now, tonumber(ARGV[2]))
if wrong then
  return wrong
end
local before, key, removed = tonumber(ARGV[3]), 2, 0
for i = 4, #ARGV do
  local name = string.sub(ARGV[i], 2)
  local last
  if string.sub(ARGV[i], 1, 1) == 'r' then
    key = key + 1
    local r = redis.call('HMGET', KEYS[key], 'e', 't')
    if not r[1] then
      redis.call('ZREM', KEYS[2], ARGV[i])
    else
      last = math.max(tonumber(r[1]), tonumber(r[2]))
      if last <= before then
        redis.call('DEL', KEYS[key])
      end
    end
  else
    local packed = redis.call('HGET', KEYS[1], name)
    if not packed then
      redis.call('ZREM', KEYS[2], ARGV[i])
    else
      local _, ends, touched = struct.unpack(COUNTER, packed)
      last = math.max(ends, touched)
      if last <= before then
        redis.call('HDEL', KEYS[1], name)
      end
    end
  end
  if last and last <= before then
    redis.call('ZREM', KEYS[2], ARGV[i])
    removed = removed + 1
  elseif last then
    -- Touched since it was listed: looked at again when that is a day ago.
    redis.call('ZADD', KEYS[2], print_number(last), ARGV[i])
  end
end
return removed
