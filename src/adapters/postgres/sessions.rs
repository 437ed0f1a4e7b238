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
        let sql = "DELETE FROM sspr.session WHERE token = $1 AND tenant = $2";
        let values: &[Value<'_>] =
            &[(&&token.hash()[..], Type::BYTEA), (&tenant.as_str(), Type::TEXT)];
        self.0.rows(sql, values).await.map(drop)
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
        let sql = "SELECT s.account FROM sspr.session AS s JOIN sspr.account AS a \
                   ON a.tenant = s.tenant AND a.id = s.account AND a.stamp = s.stamp \
                   WHERE s.token = $1 AND s.tenant = $2 AND NOT a.disabled";
        let values: &[Value<'_>] =
            &[(&&token.hash()[..], Type::BYTEA), (&tenant.as_str(), Type::TEXT)];
        let rows = self.0.rows(sql, values).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        AccountId::parse(get(row, "account")?).map(Some).map_err(|_| errors::damaged("account"))
    }
}
