-- An account can be frozen by its owner. From then on the addresses in recover_to find it too, and
-- only they get codes and notices.
-- Processes of older versions do not know frozen accounts. They change no password of one.
ALTER TABLE sspr.account
  ADD COLUMN frozen_at bigint,
  ADD COLUMN recover_to text[] NOT NULL DEFAULT '{}';
CREATE INDEX account_recover_to ON sspr.account USING gin (recover_to) WHERE frozen_at IS NOT NULL;

-- The account and the change that a notice tells of. Rows of older versions have neither.
ALTER TABLE sspr.notice
  ADD COLUMN account text,
  ADD COLUMN operation bytea;

-- Hash, stamp, marks, lock, freeze, addresses, pending address, last change, sessions and notices:
-- all of it or nothing. Without new addresses, those on file stay.
-- outcome: 0 stale, 1 repeated, 2 done.
CREATE FUNCTION sspr.apply_change(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  operation bytea, at bigint, notify text[], causes text[], in_language text,
  new_must_change boolean, new_expires_at bigint, new_addresses text[],
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE plpgsql AS $$
BEGIN
  UPDATE sspr.account AS a SET
    password = new_password, stamp = next_stamp, locked = false, pending_address = NULL,
    last_reset = operation, must_change = new_must_change, password_expires_at = new_expires_at,
    frozen_at = NULL, recover_to = '{}'
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

-- For processes of older versions. A frozen account is stale to them.
CREATE OR REPLACE FUNCTION sspr.apply_change(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  operation bytea, at bigint, notify text[], causes text[], in_language text,
  new_must_change boolean, new_expires_at bigint,
  OUT outcome integer, OUT stamp_on_file bytea
) LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM sspr.account AS a
    WHERE a.tenant = of_tenant AND a.id = account_id AND a.frozen_at IS NOT NULL)
  THEN
    outcome := 0;
    RETURN;
  END IF;
  SELECT c.outcome, c.stamp_on_file INTO outcome, stamp_on_file
  FROM sspr.apply_change(of_tenant, account_id, expected_stamp, next_stamp, new_password,
    operation, at, notify, causes, in_language, new_must_change, new_expires_at, NULL) AS c;
END $$;
