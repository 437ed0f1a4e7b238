-- Instants are microseconds since 1970-01-01T00:00:00Z; as doubles they are exact until the year 2255.
-- Nothing is written before everything is decided: there is no rollback.
local CHARGE = '>Bc32I4I4I8' -- tier, name, amount, limit, window; sorted by tier
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

local function counter(packed, now)
  if not packed then
    return 0, nil, now
  end
  local value, ends, touched = struct.unpack(COUNTER, packed)
  local at = math.max(now, touched)
  if at < ends then
    return value, ends, at
  end
  return 0, nil, at
end

-- Charges tier by tier: answers name and end of each counter of the first tier that refuses, and
-- adds to `writes` what the tiers before it write.
local function decide(counters, packed, now, writes)
  local charges, names, at = {}, {}, 1
  while at <= #packed do
    local tier, name, amount, limit, window
    tier, name, amount, limit, window, at = struct.unpack(CHARGE, packed, at)
    charges[#charges + 1] = {tier, name, amount, limit, window}
    names[#names + 1] = name
  end
  if #names == 0 then
    return {}
  end
  local kept = redis.call('HMGET', counters, unpack(names))
  local over, of_tier, tier = {}, {}, nil
  for i, charge in ipairs(charges) do
    if charge[1] ~= tier then
      if #over > 0 then
        return over
      end
      for _, write in ipairs(of_tier) do
        writes[#writes + 1] = write
      end
      tier, of_tier = charge[1], {}
    end
    local value, ends, touched = counter(kept[i], now)
    local begins = not ends
    ends = ends or touched + charge[5]
    value = value + charge[3]
    if value > charge[4] then
      over[#over + 1] = charge[2]
      over[#over + 1] = ends
    elseif charge[3] > 0 then
      of_tier[#of_tier + 1] = {charge[2], value, ends, touched, begins}
    end
  end
  if #over == 0 then
    for _, write in ipairs(of_tier) do
      writes[#writes + 1] = write
    end
  end
  return over
end

local function write(counters, ends, writes)
  for _, w in ipairs(writes) do
    redis.call('HSET', counters, w[1], struct.pack(COUNTER, w[2], w[3], w[4]))
    if w[5] then
      redis.call('ZADD', ends, print_number(w[3]), 'c' .. w[1])
    end
  end
end

local function answer(head, over)
  for _, part in ipairs(over) do
    head[#head + 1] = part
  end
  return head
end
