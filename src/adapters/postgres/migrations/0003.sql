-- An insert charges first: a flood of refused ones writes nothing.
-- outcome: 0 exists, 1 refused, 2 inserted.
CREATE OR REPLACE FUNCTION sspr.insert(
  new_id bytea, new_expires_at bigint, new_tries_limit bigint, new_tiers smallint[],
  new_names bytea[], new_amounts bigint[], new_limits bigint[], new_windows bigint[],
  new_body bytea, names bytea[], amounts bigint[], limits bigint[], windows bigint[],
  now bigint, drift bigint,
  OUT outcome integer, OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE plpgsql AS $$
BEGIN
  IF drift IS NOT NULL THEN PERFORM sspr.check_clock(now, drift); END IF;
  IF EXISTS (SELECT FROM sspr.record AS t WHERE t.id = new_id) THEN
    outcome := 0;
    RETURN;
  END IF;
  BEGIN
    SELECT c.over_names, c.over_ends INTO over_names, over_ends FROM sspr.charge_tiers(
      array_fill(0::smallint, ARRAY[cardinality(names)]), names, amounts, limits, windows, now) AS c;
    IF over_names IS NULL THEN
      INSERT INTO sspr.record (id, version, expires_at, touched_at, tries, tries_limit, tiers,
        names, amounts, limits, windows, body)
      VALUES (new_id, 1, new_expires_at, now, 0, new_tries_limit, new_tiers, new_names,
        new_amounts, new_limits, new_windows, new_body)
      ON CONFLICT (id) DO NOTHING;
      IF NOT FOUND THEN
        RAISE EXCEPTION USING ERRCODE = 'SS002';
      END IF;
      outcome := 2;
      RETURN;
    END IF;
  EXCEPTION WHEN SQLSTATE 'SS002' THEN
    -- Another call wrote this id since the look above: the charges are undone.
    outcome := 0;
    RETURN;
  END;
  -- What refused may be the charge of another call that wrote this id.
  IF EXISTS (SELECT FROM sspr.record AS t WHERE t.id = new_id) THEN
    outcome := 0;
    over_names := NULL;
    over_ends := NULL;
  ELSE
    outcome := 1;
  END IF;
END $$;
