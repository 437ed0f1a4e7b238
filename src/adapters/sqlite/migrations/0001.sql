-- Instants are microseconds since 1970-01-01T00:00:00Z.
CREATE TABLE sspr_record (
  id BLOB PRIMARY KEY,
  version INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  touched_at INTEGER NOT NULL,
  tries INTEGER NOT NULL,
  tries_limit INTEGER NOT NULL,
  charges BLOB NOT NULL,
  body BLOB NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX sspr_record_expires_at ON sspr_record (expires_at);

CREATE TABLE sspr_counter (
  name BLOB PRIMARY KEY,
  value INTEGER NOT NULL,
  ends_at INTEGER NOT NULL,
  touched_at INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX sspr_counter_ends_at ON sspr_counter (ends_at);

CREATE TABLE sspr_account (
  tenant TEXT NOT NULL,
  id TEXT NOT NULL,
  stamp BLOB NOT NULL,
  password TEXT,
  identity_providers TEXT NOT NULL,
  groups TEXT NOT NULL,
  disabled INTEGER NOT NULL,
  locked INTEGER NOT NULL,
  second_factor INTEGER NOT NULL,
  language TEXT,
  names TEXT NOT NULL,
  last_reset BLOB,
  pending_address TEXT,
  signed_in_at INTEGER,
  PRIMARY KEY (tenant, id)
) WITHOUT ROWID, STRICT;

CREATE TABLE sspr_address (
  tenant TEXT NOT NULL,
  address TEXT NOT NULL,
  account TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (tenant, address, account)
) WITHOUT ROWID, STRICT;
CREATE INDEX sspr_address_account ON sspr_address (tenant, account, position);

CREATE TABLE sspr_notice (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  address TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  language TEXT,
  leased_until INTEGER NOT NULL
) STRICT;

CREATE TABLE sspr_session (
  token BLOB PRIMARY KEY,
  tenant TEXT NOT NULL,
  account TEXT NOT NULL,
  stamp BLOB NOT NULL
) WITHOUT ROWID, STRICT;
