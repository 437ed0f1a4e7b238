-- An account can be frozen by its owner. From then on the addresses in sspr_recovery find it too, and
-- only they get codes and notices.
ALTER TABLE sspr_account ADD COLUMN frozen_at INTEGER;

CREATE TABLE sspr_recovery (
  tenant TEXT NOT NULL,
  address TEXT NOT NULL,
  account TEXT NOT NULL,
  position INTEGER NOT NULL,
  PRIMARY KEY (tenant, address, account)
) WITHOUT ROWID, STRICT;
CREATE INDEX sspr_recovery_account ON sspr_recovery (tenant, account, position);

-- The account and the change that a notice tells of. Rows of older versions have neither.
ALTER TABLE sspr_notice ADD COLUMN account TEXT;
ALTER TABLE sspr_notice ADD COLUMN operation BLOB;
