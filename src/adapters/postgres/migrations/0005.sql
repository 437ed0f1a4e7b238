-- The counters that charges would take past their limits, by a read.
CREATE FUNCTION sspr.past_limits(
  names bytea[], amounts bigint[], limits bigint[], windows bigint[], now bigint,
  OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE sql STABLE AS $$
  SELECT array_agg(names[k]), array_agg(e) FROM (
    SELECT k,
      CASE WHEN live THEN c.ends_at ELSE greatest(c.touched_at, now) + windows[k] END AS e
    FROM generate_series(1, cardinality(names)) AS k
    LEFT JOIN sspr.counter AS c ON c.name = names[k]
    CROSS JOIN LATERAL (SELECT coalesce(c.ends_at > greatest(c.touched_at, now), false)) AS l (live)
    WHERE CASE WHEN live THEN c.value ELSE 0 END + amounts[k] > limits[k]
  ) AS refused
$$;

-- As the function of the same name, with charges of the call, which come before the try.
-- outcome: 0 missing, 1 dead, 2 exhausted, 3 charged, 4 refused.
CREATE FUNCTION sspr.attempt(
  record_id bytea, call_names bytea[], call_amounts bigint[], call_limits bigint[],
  call_windows bigint[], now bigint, drift bigint,
  OUT outcome integer, OUT version bigint, OUT expires_at bigint, OUT touched_at bigint,
  OUT tries bigint, OUT body bytea, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
DECLARE
  r sspr.record;
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  -- A refusal that a read can tell writes nothing. Record and counters are read at one moment.
  SELECT CASE WHEN t.expires_at <= greatest(t.touched_at, now) THEN 1
    WHEN t.tries >= t.tries_limit THEN 2 WHEN p.over_names IS NOT NULL THEN 4 END,
    p.over_names, p.over_ends
  INTO outcome, over_names, over_ends
  FROM sspr.record AS t
  CROSS JOIN LATERAL sspr.past_limits(
    call_names, call_amounts, call_limits, call_windows, now) AS p
  WHERE t.id = record_id;
  IF NOT FOUND THEN
    outcome := 0;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  -- The same again, under the lock of the record.
  SELECT CASE WHEN t.expires_at <= greatest(t.touched_at, now) THEN 1
    WHEN t.tries >= t.tries_limit THEN 2 END
  INTO outcome FROM sspr.record AS t WHERE t.id = record_id FOR UPDATE;
  IF NOT FOUND THEN
    outcome := 0;
  END IF;
  IF outcome IS NOT NULL THEN
    RETURN;
  END IF;
  SELECT c.over_names, c.over_ends INTO over_names, over_ends FROM sspr.charge_tiers(
    array_fill(0::smallint, ARRAY[cardinality(call_names)]), call_names, call_amounts, call_limits,
    call_windows, now) AS c;
  IF over_names IS NOT NULL THEN
    outcome := 4;
    RETURN;
  END IF;
  UPDATE sspr.record AS t SET tries = t.tries + 1, touched_at = greatest(t.touched_at, now)
  WHERE t.id = record_id
  RETURNING t.* INTO r;
  outcome := 3;
  version := r.version;
  expires_at := r.expires_at;
  touched_at := r.touched_at;
  tries := r.tries;
  body := r.body;
  SELECT c.over_names, c.over_ends INTO over_names, over_ends
  FROM sspr.charge_tiers(r.tiers, r.names, r.amounts, r.limits, r.windows, now) AS c;
END $$;

-- Reads a record and makes charges at one moment.
-- outcome: 0 missing, 1 refused, 2 found.
CREATE FUNCTION sspr.load(
  record_id bytea, call_names bytea[], call_amounts bigint[], call_limits bigint[],
  call_windows bigint[], now bigint, drift bigint,
  OUT outcome integer, OUT version bigint, OUT expires_at bigint, OUT touched_at bigint,
  OUT tries bigint, OUT body bytea, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  -- A refusal that a read can tell writes nothing. Record and counters are read at one moment.
  SELECT p.over_names, p.over_ends INTO over_names, over_ends
  FROM sspr.record AS t
  CROSS JOIN LATERAL sspr.past_limits(
    call_names, call_amounts, call_limits, call_windows, now) AS p
  WHERE t.id = record_id;
  IF NOT FOUND THEN
    outcome := 0;
    RETURN;
  END IF;
  IF over_names IS NULL THEN
    SELECT t.version, t.expires_at, t.touched_at, t.tries, t.body
    INTO version, expires_at, touched_at, tries, body
    FROM sspr.record AS t WHERE t.id = record_id FOR UPDATE;
    IF NOT FOUND THEN
      outcome := 0;
      RETURN;
    END IF;
    SELECT c.over_names, c.over_ends INTO over_names, over_ends FROM sspr.charge_tiers(
      array_fill(0::smallint, ARRAY[cardinality(call_names)]), call_names, call_amounts, call_limits,
      call_windows, now) AS c;
  END IF;
  outcome := CASE WHEN over_names IS NULL THEN 2 ELSE 1 END;
END $$;
