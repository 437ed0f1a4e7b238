-- The verified phones of an account, in order, as numbers in E.164. Processes of older versions leave
-- the column alone.
ALTER TABLE sspr.account ADD COLUMN phones text[] NOT NULL DEFAULT '{}';

-- The same as before. An account that gets new addresses loses its phones, because someone else may
-- have added them.
CREATE OR REPLACE FUNCTION sspr.apply_change(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  operation bytea, at bigint, notify text[], causes text[], in_language text,
  new_must_change boolean, new_expires_at bigint, new_addresses text[],
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sspr.account AS a SET
    password = new_password, stamp = next_stamp, locked = false, pending_address = NULL,
    last_reset = operation, must_change = new_must_change, password_expires_at = new_expires_at,
    frozen_at = NULL, recover_to = '{}',
    phones = CASE WHEN new_addresses IS NULL THEN phones ELSE '{}' END
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.stamp = expected_stamp
    AND a.last_reset IS DISTINCT FROM operation;
  IF FOUND THEN
    IF new_addresses IS NOT NULL THEN
      DELETE FROM sspr.address AS e
      WHERE e.tenant = of_tenant AND e.account = account_id AND e.address <> ALL (new_addresses);
      INSERT INTO sspr.address (tenant, address, account, position)
      SELECT of_tenant, n.address, account_id, n.position
      FROM unnest(new_addresses) WITH ORDINALITY AS n (address, position)
      ON CONFLICT (tenant, address, account) DO UPDATE SET position = excluded.position;
    END IF;
    DELETE FROM sspr.session AS s WHERE s.tenant = of_tenant AND s.account = account_id;
    INSERT INTO sspr.notice (tenant, address, cause, changed_at, language, leased_until, set_at,
      account, operation)
    SELECT of_tenant, n.address, n.cause, at, in_language, at, at, account_id,
      apply_change.operation
    FROM unnest(notify, causes) AS n (address, cause);
    outcome := 2;
    RETURN;
  END IF;
  SELECT a.stamp INTO stamp_on_file FROM sspr.account AS a
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.last_reset = operation;
  outcome := CASE WHEN FOUND THEN 1 ELSE 0 END;
END $$;
