//! Sessions that are valid while they carry the account's current stamp, and end with a reset.

use tokio_postgres::types::Type;

use super::{PostgresUsers, errors, pool::Value, rows::get};
use crate::{
    adapters::SessionToken,
    domain::{AccountId, Entropy, Stamp, TenantId},
    ports::StoreError,
};

impl PostgresUsers {
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
        let sql = "INSERT INTO sspr.session (token, tenant, account, stamp) \
                   VALUES ($1, $2, $3, $4)";
        let values: &[Value<'_>] = &[
            (&&token.hash()[..], Type::BYTEA),
            (&tenant.as_str(), Type::TEXT),
            (&account.as_str(), Type::TEXT),
            (&&stamp.as_bytes()[..], Type::BYTEA),
        ];
        self.0.rows(sql, values).await.map(|_| token)
    }

    /// Ends one session when its user signs out. Ending an unknown session has no effect.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn close_session(&self, token: &SessionToken) -> Result<(), StoreError> {
        let sql = "DELETE FROM sspr.session WHERE token = $1";
        self.0.rows(sql, &[(&&token.hash()[..], Type::BYTEA)]).await.map(drop)
    }

    /// Returns the account of a session, if the session carries that account's current stamp.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn session(&self, token: &SessionToken) -> Result<Option<AccountId>, StoreError> {
        let sql = "SELECT s.account FROM sspr.session AS s JOIN sspr.account AS a \
                   ON a.tenant = s.tenant AND a.id = s.account AND a.stamp = s.stamp \
                   WHERE s.token = $1 AND NOT a.disabled";
        let rows = self.0.rows(sql, &[(&&token.hash()[..], Type::BYTEA)]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        AccountId::parse(get(row, "account")?).map(Some).map_err(|_| errors::damaged("account"))
    }
}
