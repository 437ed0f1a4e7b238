-- A user store with outbox and sessions, for services that have no users table yet.
CREATE TABLE sspr.account (
  tenant text NOT NULL,
  id text NOT NULL,
  stamp bytea NOT NULL,
  password text,
  identity_providers text[] NOT NULL,
  groups text[] NOT NULL,
  disabled boolean NOT NULL,
  locked boolean NOT NULL,
  second_factor smallint NOT NULL,
  language text,
  names text[] NOT NULL,
  last_reset bytea,
  pending_address text,
  signed_in_at bigint,
  PRIMARY KEY (tenant, id)
);

CREATE TABLE sspr.address (
  tenant text NOT NULL,
  address text NOT NULL,
  account text NOT NULL,
  position bigint NOT NULL,
  PRIMARY KEY (tenant, address, account),
  FOREIGN KEY (tenant, account) REFERENCES sspr.account (tenant, id) ON DELETE CASCADE
);
CREATE INDEX address_account ON sspr.address (tenant, account, position);

CREATE TABLE sspr.notice (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text NOT NULL,
  address text NOT NULL,
  changed_at bigint NOT NULL,
  language text,
  leased_until bigint NOT NULL
);
CREATE INDEX notice_leased_until ON sspr.notice (leased_until);

CREATE TABLE sspr.session (
  token bytea PRIMARY KEY,
  tenant text NOT NULL,
  account text NOT NULL,
  stamp bytea NOT NULL
);
CREATE INDEX session_account ON sspr.session (tenant, account);

-- Hash, stamp, lock, pending address, last reset, sessions and notices: all of it or nothing.
-- outcome: 0 stale, 1 repeated, 2 done.
CREATE FUNCTION sspr.apply_reset(
  of_tenant text, account_id text, expected_stamp bytea, next_stamp bytea, new_password text,
  reset bytea, at bigint, notify text[], in_language text,
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
    INSERT INTO sspr.notice (tenant, address, changed_at, language, leased_until)
    SELECT of_tenant, address, at, in_language, at FROM unnest(notify) AS address;
    outcome := 2;
    RETURN;
  END IF;
  SELECT a.stamp INTO stamp_on_file FROM sspr.account AS a
  WHERE a.tenant = of_tenant AND a.id = account_id AND a.last_reset = reset;
  outcome := CASE WHEN FOUND THEN 1 ELSE 0 END;
END $$;
