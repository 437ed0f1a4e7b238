-- The verified phones of an account, in order, as a JSON list of numbers in E.164. Processes of older
-- versions leave the column alone.
ALTER TABLE sspr_account ADD COLUMN phones TEXT NOT NULL DEFAULT '[]';
