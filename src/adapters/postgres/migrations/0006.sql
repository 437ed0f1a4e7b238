-- A password can be one that must be changed before the next session, and one that ends.
-- The column last_reset holds the last change of the password, whatever its cause.
-- Processes of older versions go on calling apply_reset, which clears both, until they are restarted.
ALTER TABLE sspr.account
  ADD COLUMN must_change boolean NOT NULL DEFAULT false,
  ADD COLUMN password_expires_at bigint;

-- Hash, stamp, marks, lock, pending address, last change, sessions and notices: all of it or nothing.
-- outcome: 0 stale, 1 repeated, 2 done.
CREATE FUNCTION sspr.apply_change(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  operation bytea, at bigint, notify text[], causes text[], in_language text,
  new_must_change boolean, new_expires_at bigint,
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sspr.account AS a SET
    password = new_password, stamp = next_stamp, locked = false, pending_address = NULL,
    last_reset = operation, must_change = new_must_change, password_expires_at = new_expires_at
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.stamp = expected_stamp
    AND a.last_reset IS DISTINCT FROM operation;
  IF FOUND THEN
    DELETE FROM sspr.session AS s WHERE s.tenant = of_tenant AND s.account = account_id;
    INSERT INTO sspr.notice (tenant, address, cause, changed_at, language, leased_until, set_at)
    SELECT of_tenant, n.address, n.cause, at, in_language, at, at
    FROM unnest(notify, causes) AS n (address, cause);
    outcome := 2;
    RETURN;
  END IF;
  SELECT a.stamp INTO stamp_on_file FROM sspr.account AS a
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.last_reset = operation;
  outcome := CASE WHEN FOUND THEN 1 ELSE 0 END;
END $$;

CREATE OR REPLACE FUNCTION sspr.apply_reset(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  reset bytea, at bigint, notify text[], causes text[], in_language text,
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE sql AS $$
  SELECT * FROM sspr.apply_change(of_tenant, account_id, expected_stamp, next_stamp, new_password,
    reset, at, notify, causes, in_language, false, NULL)
$$;

CREATE OR REPLACE FUNCTION sspr.apply_reset(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  reset bytea, at bigint, notify text[], in_language text,
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE sql AS $$
  SELECT * FROM sspr.apply_change(of_tenant, account_id, expected_stamp, next_stamp, new_password,
    reset, at, notify, array_fill('unknown'::text, ARRAY[cardinality(notify)]), in_language,
    false, NULL)
$$;

-- The same as before, but each counter is looked up by its name. A join was planned for a thousand
-- names, and read the whole table.
CREATE OR REPLACE FUNCTION sspr.past_limits(
  names bytea[], amounts bigint[], limits bigint[], windows bigint[], now bigint,
  OUT over_names bytea[], OUT over_ends bigint[]
) LANGUAGE sql STABLE AS $$
  SELECT array_agg(names[k]), array_agg(e) FROM (
    SELECT k,
      CASE WHEN live THEN c.ends_at ELSE greatest(c.touched_at, now) + windows[k] END AS e
    FROM generate_series(1, cardinality(names)) AS k
    LEFT JOIN LATERAL (
      SELECT t.* FROM sspr.counter AS t WHERE t.name = names[k] LIMIT 1
    ) AS c ON true
    CROSS JOIN LATERAL (SELECT coalesce(c.ends_at > greatest(c.touched_at, now), false)) AS l (live)
    WHERE CASE WHEN live THEN c.value ELSE 0 END + amounts[k] > limits[k]
  ) AS refused
$$;
