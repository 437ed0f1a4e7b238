-- The audit log. The columns are for searching, and the record is JSON.
CREATE TABLE sspr_audit (
  number INTEGER PRIMARY KEY,
  id BLOB NOT NULL UNIQUE,
  at INTEGER NOT NULL,
  tenant TEXT,
  account TEXT,
  subject BLOB,
  reset BLOB,
  record TEXT NOT NULL
) STRICT;
CREATE INDEX sspr_audit_at ON sspr_audit (at);
CREATE INDEX sspr_audit_account ON sspr_audit (tenant, account, at) WHERE account IS NOT NULL;
CREATE INDEX sspr_audit_subject ON sspr_audit (tenant, subject, at) WHERE subject IS NOT NULL;
CREATE INDEX sspr_audit_reset ON sspr_audit (reset) WHERE reset IS NOT NULL;
