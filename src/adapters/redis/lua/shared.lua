-- Instants are microseconds since 1970-01-01T00:00:00Z; as doubles they are exact until the year 2255.
-- Nothing is written before everything is decided: there is no rollback.
local CHARGE, CHARGE_BYTES = '>Bc32I4I4I8', 49 -- tier, name, amount, limit, window; sorted by tier
local COUNTER = '>I8i8i8' -- value, end, touched

local function print_number(n)
  return string.format('%.0f', n)
end

-- An error if the caller's clock is too far from this server's.
local function check_clock(now, drift)
  if drift < 0 then
    return nil
  end
  local time = redis.call('TIME')
  local off = now - (tonumber(time[1]) * 1000000 + tonumber(time[2]))
  if math.abs(off) > drift then
    return redis.error_reply('SSPRCLOCK ' .. print_number(off / 1000000))
  end
end

local function shorten(list, length)
  for i = #list, length + 1, -1 do
    list[i] = nil
  end
end

-- Charges tier by tier: answers name and end of each counter of the first tier that refuses, and
-- adds what the tiers before it write: counters to `writes`, ends of those that begin to `begun`.
local function decide(counters, packed, now, writes, begun)
  local names, count = {}, #packed / CHARGE_BYTES
  if count == 0 then
    return {}
  end
  for i = 1, count do
    local at = (i - 1) * CHARGE_BYTES
    names[i] = string.sub(packed, at + 2, at + 33)
  end
  local kept = redis.call('HMGET', counters, unpack(names))
  local over, tier, written, begins = {}, nil, 0, 0
  for i = 1, count do
    local of, name, amount, limit, window = struct.unpack(CHARGE, packed, (i - 1) * CHARGE_BYTES + 1)
    if of ~= tier then
      if #over > 0 then
        break
      end
      tier, written, begins = of, #writes, #begun
    end
    local value, ends, touched = 0, nil, now
    if kept[i] then
      local before, last, at = struct.unpack(COUNTER, kept[i])
      touched = math.max(now, at)
      if touched < last then
        value, ends = before, last
      end
    end
    value = value + amount
    if value > limit then
      over[#over + 1] = name
      over[#over + 1] = ends or touched + window
    elseif amount > 0 then
      if not ends then
        ends = touched + window
        begun[#begun + 1] = print_number(ends)
        begun[#begun + 1] = 'c' .. name
      end
      writes[#writes + 1] = name
      writes[#writes + 1] = struct.pack(COUNTER, value, ends, touched)
    end
  end
  if #over > 0 then
    shorten(writes, written)
    shorten(begun, begins)
  end
  return over
end

-- One command for all counters, one for the ends of those that begin: a call costs more than a field.
local function write(counters, ends, writes, begun)
  if #writes > 0 then
    redis.call('HSET', counters, unpack(writes))
  end
  if #begun > 0 then
    redis.call('ZADD', ends, unpack(begun))
  end
end

local function answer(head, over)
  for _, part in ipairs(over) do
    head[#head + 1] = part
  end
  return head
end
