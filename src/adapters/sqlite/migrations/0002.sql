CREATE TABLE sspr_policy (
  tenant TEXT PRIMARY KEY,
  version INTEGER NOT NULL,
  document TEXT NOT NULL
) WITHOUT ROWID, STRICT;

CREATE TABLE sspr_policy_change (
  id INTEGER PRIMARY KEY,
  tenant TEXT NOT NULL,
  at INTEGER NOT NULL,
  who TEXT NOT NULL,
  what TEXT NOT NULL,
  before TEXT NOT NULL,
  after TEXT NOT NULL
) STRICT;
CREATE INDEX sspr_policy_change_tenant ON sspr_policy_change (tenant, id);
