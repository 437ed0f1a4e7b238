-- A password can be one that must be changed before the next session, and one that ends.
-- The column last_reset holds the last change of the password, whatever its cause.
ALTER TABLE sspr_account ADD COLUMN must_change INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sspr_account ADD COLUMN password_expires_at INTEGER;
