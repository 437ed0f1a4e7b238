-- A notice has a time when it is due, which is in leased_until, and the instant that set it.
-- Rows of older versions have no set_at: theirs is a lease of a minute before leased_until.
-- Processes of older versions go on working on these tables until they are restarted.
ALTER TABLE sspr.notice
  ADD COLUMN set_at bigint,
  ADD COLUMN tries bigint NOT NULL DEFAULT 0,
  ADD COLUMN cause text NOT NULL DEFAULT 'unknown';
CREATE INDEX notice_due ON sspr.notice (leased_until, id);
DROP INDEX sspr.notice_leased_until;

-- As the function of the same name, with a cause for each address.
-- outcome: 0 stale, 1 repeated, 2 done.
CREATE FUNCTION sspr.apply_reset(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  reset bytea, at bigint, notify text[], causes text[], in_language text,
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sspr.account AS a SET
    password = new_password, stamp = next_stamp, locked = false, pending_address = NULL,
    last_reset = reset
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.stamp = expected_stamp
    AND a.last_reset IS DISTINCT FROM reset;
  IF FOUND THEN
    DELETE FROM sspr.session AS s WHERE s.tenant = of_tenant AND s.account = account_id;
    INSERT INTO sspr.notice (tenant, address, cause, changed_at, language, leased_until, set_at)
    SELECT of_tenant, n.address, n.cause, at, in_language, at, at
    FROM unnest(notify, causes) AS n (address, cause);
    outcome := 2;
    RETURN;
  END IF;
  SELECT a.stamp INTO stamp_on_file FROM sspr.account AS a
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.last_reset = reset;
  outcome := CASE WHEN FOUND THEN 1 ELSE 0 END;
END $$;
