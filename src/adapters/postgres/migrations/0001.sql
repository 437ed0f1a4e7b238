-- Instants are microseconds since 1970-01-01T00:00:00Z. Arrays of charges are sorted by tier, then name.
CREATE TABLE sspr.record (
  id bytea PRIMARY KEY,
  version bigint NOT NULL,
  expires_at bigint NOT NULL,
  touched_at bigint NOT NULL,
  tries bigint NOT NULL,
  tries_limit bigint NOT NULL,
  tiers smallint[] NOT NULL,
  names bytea[] NOT NULL,
  amounts bigint[] NOT NULL,
  limits bigint[] NOT NULL,
  windows bigint[] NOT NULL,
  body bytea NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX record_expires_at ON sspr.record (expires_at);

CREATE TABLE sspr.counter (
  name bytea PRIMARY KEY,
  value bigint NOT NULL,
  ends_at bigint NOT NULL,
  touched_at bigint NOT NULL
) WITH (fillfactor = 70);
CREATE INDEX counter_ends_at ON sspr.counter (ends_at);

-- Charges tier by tier, in ascending order. The first tier that refuses ends it: its counters are
-- as they were, and named. Locks: counters in ascending order of name.
CREATE FUNCTION sspr.charge_tiers(
  tiers smallint[], names bytea[], amounts bigint[], limits bigint[], windows bigint[],
  now bigint, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
  n CONSTANT integer := coalesce(cardinality(names), 0);
  first integer := 1;
  last integer;
  found_value bigint;
  found_end bigint;
BEGIN
  WHILE first <= n LOOP
    last := first;
    WHILE last < n AND tiers[last + 1] = tiers[first] LOOP
      last := last + 1;
    END LOOP;
    -- A counter that is known to be full refuses by a read: a flood of refused charges writes
    -- nothing. What this read admits is decided below, under locks.
    SELECT array_agg(names[k]), array_agg(e) INTO over_names, over_ends FROM (
      SELECT k,
        CASE WHEN live THEN c.ends_at ELSE greatest(c.touched_at, now) + windows[k] END AS e
      FROM generate_series(first, last) AS k
      LEFT JOIN sspr.counter AS c ON c.name = names[k]
      CROSS JOIN LATERAL (SELECT coalesce(c.ends_at > greatest(c.touched_at, now), false)) AS l (live)
      WHERE CASE WHEN live THEN c.value ELSE 0 END + amounts[k] > limits[k]
    ) AS refused;
    IF over_names IS NOT NULL THEN
      RETURN;
    END IF;
    BEGIN
      FOR i IN first..last LOOP
        CONTINUE WHEN amounts[i] = 0;
        INSERT INTO sspr.counter AS c (name, value, ends_at, touched_at)
        VALUES (names[i], amounts[i], now + windows[i], now)
        ON CONFLICT (name) DO UPDATE SET
          value = amounts[i]
            + CASE WHEN c.ends_at <= greatest(c.touched_at, now) THEN 0 ELSE c.value END,
          ends_at = CASE WHEN c.ends_at <= greatest(c.touched_at, now)
            THEN greatest(c.touched_at, now) + windows[i] ELSE c.ends_at END,
          touched_at = greatest(c.touched_at, now)
        RETURNING c.value, c.ends_at INTO found_value, found_end;
        IF found_value > limits[i] THEN
          over_names := over_names || names[i];
          over_ends := over_ends || found_end;
        END IF;
      END LOOP;
      -- What is only asked is read once everything that is charged is locked: all at one instant.
      IF 0 = ANY (amounts[first:last]) THEN
        FOR i IN first..last LOOP
          CONTINUE WHEN amounts[i] <> 0;
          SELECT c.ends_at INTO found_end FROM sspr.counter AS c
          WHERE c.name = names[i] AND c.ends_at > greatest(c.touched_at, now) AND c.value > limits[i];
          IF FOUND THEN
            over_names := over_names || names[i];
            over_ends := over_ends || found_end;
          END IF;
        END LOOP;
      END IF;
      IF over_names IS NOT NULL THEN
        RAISE EXCEPTION USING ERRCODE = 'SS001';
      END IF;
    EXCEPTION WHEN SQLSTATE 'SS001' THEN
      -- The charges of this tier are undone; the variables keep what they say.
      RETURN;
    END;
    first := last + 1;
  END LOOP;
END $$;

-- Refuses a caller whose clock is further than `drift` microseconds from this server's.
CREATE FUNCTION sspr.check_clock(now bigint, drift bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
  off CONSTANT bigint := now - (extract(epoch FROM clock_timestamp()) * 1000000)::bigint;
BEGIN
  IF abs(off) > drift THEN
    RAISE EXCEPTION USING ERRCODE = 'SS030', MESSAGE = (off / 1000000)::text;
  END IF;
END $$;

CREATE FUNCTION sspr.charge(
  tiers smallint[], names bytea[], amounts bigint[], limits bigint[], windows bigint[],
  now bigint, drift bigint, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  SELECT * INTO over_names, over_ends
  FROM sspr.charge_tiers(tiers, names, amounts, limits, windows, now);
END $$;

-- outcome: 0 exists, 1 refused, 2 inserted.
CREATE FUNCTION sspr.insert(
  new_id bytea, new_expires_at bigint, new_tries_limit bigint, new_tiers smallint[],
  new_names bytea[], new_amounts bigint[], new_limits bigint[], new_windows bigint[],
  new_body bytea, names bytea[], amounts bigint[], limits bigint[], windows bigint[],
  now bigint, drift bigint,
  OUT outcome integer, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  INSERT INTO sspr.record (id, version, expires_at, touched_at, tries, tries_limit, tiers, names,
    amounts, limits, windows, body)
  VALUES (new_id, 1, new_expires_at, now, 0, new_tries_limit, new_tiers, new_names, new_amounts,
    new_limits, new_windows, new_body)
  ON CONFLICT (id) DO NOTHING;
  IF NOT FOUND THEN
    outcome := 0;
    RETURN;
  END IF;
  SELECT c.over_names, c.over_ends INTO over_names, over_ends FROM sspr.charge_tiers(
    array_fill(0::smallint, ARRAY[cardinality(names)]), names, amounts, limits, windows, now) AS c;
  IF over_names IS NULL THEN
    outcome := 2;
  ELSE
    DELETE FROM sspr.record WHERE id = new_id;
    outcome := 1;
  END IF;
END $$;

-- outcome: 0 missing, 1 dead, 2 exhausted, 3 charged.
CREATE FUNCTION sspr.attempt(
  record_id bytea, now bigint, drift bigint,
  OUT outcome integer, OUT version bigint, OUT expires_at bigint, OUT touched_at bigint,
  OUT tries bigint, OUT body bytea, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
  r sspr.record;
  alive boolean;
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  LOOP
    UPDATE sspr.record AS t SET
      tries = least(t.tries + 1, t.tries_limit + 1),
      touched_at = greatest(t.touched_at, now)
    WHERE t.id = record_id AND t.expires_at > greatest(t.touched_at, now)
    RETURNING t.* INTO r;
    EXIT WHEN FOUND;
    SELECT t.expires_at > greatest(t.touched_at, now) INTO alive FROM sspr.record AS t
    WHERE t.id = record_id;
    IF NOT FOUND THEN
      outcome := 0;
      RETURN;
    END IF;
    IF NOT alive THEN
      outcome := 1;
      RETURN;
    END IF;
    -- Written between the two statements, which see one instant each: once more.
  END LOOP;
  IF r.tries > r.tries_limit THEN
    outcome := 2;
    RETURN;
  END IF;
  outcome := 3;
  version := r.version;
  expires_at := r.expires_at;
  touched_at := r.touched_at;
  tries := r.tries;
  body := r.body;
  SELECT c.over_names, c.over_ends INTO over_names, over_ends
  FROM sspr.charge_tiers(r.tiers, r.names, r.amounts, r.limits, r.windows, now) AS c;
END $$;

-- outcome: 0 missing, 1 conflict, 2 refused, 3 swapped.
CREATE FUNCTION sspr.compare_and_swap(
  record_id bytea, expected bigint, new_expires_at bigint, new_tries_limit bigint,
  begins_challenge boolean, new_tiers smallint[], new_names bytea[], new_amounts bigint[],
  new_limits bigint[], new_windows bigint[], new_body bytea, names bytea[], amounts bigint[],
  limits bigint[], windows bigint[], cleared bytea[], now bigint, drift bigint,
  OUT outcome integer, OUT found_version bigint, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  SELECT t.version INTO found_version FROM sspr.record AS t WHERE t.id = record_id FOR UPDATE;
  IF NOT FOUND THEN
    outcome := 0;
    RETURN;
  END IF;
  IF found_version <> expected THEN
    outcome := 1;
    RETURN;
  END IF;
  -- One ascending order for what is charged and what is cleared: nobody waits in a circle.
  IF cardinality(cleared) > 0 THEN
    PERFORM 1 FROM sspr.counter AS c WHERE c.name = ANY (names || cleared)
    ORDER BY c.name FOR UPDATE;
  END IF;
  SELECT c.over_names, c.over_ends INTO over_names, over_ends FROM sspr.charge_tiers(
    array_fill(0::smallint, ARRAY[cardinality(names)]), names, amounts, limits, windows, now) AS c;
  IF over_names IS NOT NULL THEN
    outcome := 2;
    RETURN;
  END IF;
  UPDATE sspr.counter AS c SET
    value = 0,
    ends_at = greatest(c.touched_at, now),
    touched_at = greatest(c.touched_at, now)
  WHERE c.name = ANY (cleared);
  found_version := expected + 1;
  UPDATE sspr.record AS t SET
    version = found_version,
    expires_at = new_expires_at,
    touched_at = greatest(t.touched_at, now),
    tries = CASE WHEN begins_challenge THEN 0 ELSE t.tries END,
    tries_limit = new_tries_limit,
    tiers = new_tiers,
    names = new_names,
    amounts = new_amounts,
    limits = new_limits,
    windows = new_windows,
    body = new_body
  WHERE t.id = record_id;
  outcome := 3;
END $$;

-- Removes what ended at `before` or earlier, at most so many, and skips what is in use.
CREATE FUNCTION sspr.delete_expired(before bigint, most bigint, now bigint, drift bigint)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
  records bigint;
  counters bigint;
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  DELETE FROM sspr.record WHERE id IN (
    SELECT t.id FROM sspr.record AS t WHERE t.expires_at <= before AND t.touched_at <= before
    ORDER BY t.expires_at LIMIT most FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS records = ROW_COUNT;
  DELETE FROM sspr.counter WHERE name IN (
    SELECT c.name FROM sspr.counter AS c WHERE c.ends_at <= before AND c.touched_at <= before
    ORDER BY c.ends_at LIMIT most - records FOR UPDATE SKIP LOCKED);
  GET DIAGNOSTICS counters = ROW_COUNT;
  RETURN records + counters;
END $$;
