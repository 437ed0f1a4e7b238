-- The audit log. The columns are for searching, and the record is JSON as text.
CREATE TABLE sspr.audit (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id bytea NOT NULL UNIQUE,
  at bigint NOT NULL,
  tenant text,
  account text,
  subject bytea,
  reset bytea,
  record text NOT NULL
);
CREATE INDEX audit_at ON sspr.audit (at);
CREATE INDEX audit_account ON sspr.audit (tenant, account, at) WHERE account IS NOT NULL;
CREATE INDEX audit_subject ON sspr.audit (tenant, subject, at) WHERE subject IS NOT NULL;
CREATE INDEX audit_reset ON sspr.audit (reset) WHERE reset IS NOT NULL;
