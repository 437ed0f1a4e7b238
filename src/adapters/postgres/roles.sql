-- The role that a service connects as: it can run sspr's functions on sspr's tables, and nothing
-- else. Run it after each migration, as the owner; then GRANT sspr_app TO your login role.
DO $$ BEGIN
  IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = 'sspr_app') THEN
    CREATE ROLE sspr_app NOLOGIN;
  END IF;
END $$;
REVOKE ALL ON SCHEMA sspr FROM PUBLIC;
REVOKE ALL ON ALL FUNCTIONS IN SCHEMA sspr FROM PUBLIC;
GRANT USAGE ON SCHEMA sspr TO sspr_app;
GRANT SELECT ON sspr.migration TO sspr_app;
GRANT SELECT, INSERT, UPDATE, DELETE ON sspr.record, sspr.counter, sspr.account, sspr.address,
  sspr.notice, sspr.session TO sspr_app;
-- Nobody may change a record of the audit log. Rows that are too old are deleted by the service.
GRANT SELECT, INSERT, DELETE ON sspr.audit TO sspr_app;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA sspr TO sspr_app;
-- For the login role itself, since a granted role's settings do not apply:
--   ALTER ROLE your_login SET statement_timeout = '5s';
--   ALTER ROLE your_login SET lock_timeout = '3s';
--   ALTER ROLE your_login SET idle_in_transaction_session_timeout = '10s';
