//! Demo sessions that are valid while they carry the account's current stamp.

use rusqlite::{Connection, OptionalExtension, params};

use super::{SqliteUsers, errors::damaged, worker::Writes};
use crate::{
    adapters::SessionToken,
    domain::{AccountId, Entropy, Stamp, TenantId},
    ports::StoreError,
};

impl SqliteUsers {
    /// Opens a session for an account that has just signed in with that stamp.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn open_session(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        stamp: Stamp,
        entropy: &dyn Entropy,
    ) -> Result<SessionToken, StoreError> {
        let token = SessionToken::generate(entropy)?;
        let (hash, tenant, account) = (token.hash(), tenant.clone(), account.clone());
        let act = move |connection: &Connection| {
            let sql = "INSERT INTO sspr_session (token, tenant, account, stamp) \
                       VALUES (?1, ?2, ?3, ?4)";
            let values = params![hash, tenant.as_str(), account.as_str(), stamp.as_bytes()];
            connection.prepare_cached(sql)?.execute(values)?;
            Ok(((), Writes::Stand))
        };
        self.0.writer.call(act).await.map(|()| token)
    }

    /// Ends one session of a tenant when its user signs out. Ending an unknown session, or a session
    /// of another tenant, has no effect.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn close_session(
        &self,
        tenant: &TenantId,
        token: &SessionToken,
    ) -> Result<(), StoreError> {
        let (hash, tenant) = (token.hash(), tenant.clone());
        let act = move |connection: &Connection| {
            let sql = "DELETE FROM sspr_session WHERE token = ?1 AND tenant = ?2";
            connection.prepare_cached(sql)?.execute(params![hash, tenant.as_str()])?;
            Ok(((), Writes::Stand))
        };
        self.0.writer.call(act).await
    }

    /// Returns the account of a session, if the session carries that account's current stamp.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    ///
    /// # Security
    /// Two tenants can have accounts of the same id. Pass the tenant to which the request belongs: a
    /// token of another tenant opens no session there.
    pub async fn session(
        &self,
        tenant: &TenantId,
        token: &SessionToken,
    ) -> Result<Option<AccountId>, StoreError> {
        let (hash, tenant) = (token.hash(), tenant.clone());
        let act = move |connection: &Connection| {
            let sql = "SELECT s.account FROM sspr_session s JOIN sspr_account a \
                       ON a.tenant = s.tenant AND a.id = s.account AND a.stamp = s.stamp \
                       WHERE s.token = ?1 AND s.tenant = ?2 AND a.disabled = 0";
            let mut statement = connection.prepare_cached(sql)?;
            let values = params![hash, tenant.as_str()];
            let found = statement.query_row(values, |row| row.get::<_, String>(0)).optional()?;
            let parse = |id: String| AccountId::parse(&id).map_err(|_| damaged("account"));
            Ok((found.map(parse).transpose()?, Writes::Undone))
        };
        self.0.reader.call(act).await
    }
}
