-- A notice has a time when it is due, which is in leased_until, and the instant that set it.
-- Rows of older versions have no set_at: theirs is a lease of a minute before leased_until.
ALTER TABLE sspr_notice ADD COLUMN set_at INTEGER;
ALTER TABLE sspr_notice ADD COLUMN tries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sspr_notice ADD COLUMN cause TEXT NOT NULL DEFAULT 'unknown';
CREATE INDEX sspr_notice_due ON sspr_notice (leased_until, id);

CREATE INDEX sspr_session_account ON sspr_session (tenant, account);
