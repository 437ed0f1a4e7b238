//! A user store with an outbox in Postgres.

use async_trait::async_trait;
use tokio_postgres::{Row, types::Type};

use super::{
    errors,
    pool::{Connections, Value},
    rows::{self, get, instant},
};
use crate::{
    adapters::sql::{self, readable},
    domain::{
        Account, AccountId, EmailAddress, GroupId, LanguageTag, PasswordHash, TenantId, Timestamp,
    },
    ports::{
        Applied, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeCause, NoticeDelivery, NoticeId,
        Outbox, PasswordChange, StoreError, UserStore,
    },
};

/// The query for one account, with its addresses in order.
const SELECT: &str = "SELECT a.id, a.stamp, a.password, a.identity_providers, a.groups, \
    a.disabled, a.locked, a.second_factor, a.language, a.names, a.last_reset, \
    (SELECT array_agg(e.address ORDER BY e.position) FROM sspr.address AS e \
     WHERE e.tenant = a.tenant AND e.account = a.id) AS addresses FROM sspr.account AS a";

/// Keeps accounts in Postgres. Addresses match exactly.
#[derive(Clone, Debug)]
pub struct PostgresUsers(pub(super) Connections);

impl PostgresUsers {
    pub(super) const fn over(connections: Connections) -> Self {
        Self(connections)
    }

    /// Adds an account, or replaces the account of that id.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn insert(&self, tenant: &TenantId, account: &Account) -> Result<(), StoreError> {
        let sql = "WITH written AS (\
             INSERT INTO sspr.account (tenant, id, stamp, password, identity_providers, groups, \
               disabled, locked, second_factor, language, names, last_reset) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) \
             ON CONFLICT (tenant, id) DO UPDATE SET stamp = $3, password = $4, \
               identity_providers = $5, groups = $6, disabled = $7, locked = $8, \
               second_factor = $9, language = $10, names = $11, last_reset = $12), \
             gone AS (DELETE FROM sspr.address WHERE tenant = $1 AND account = $2 \
               AND address <> ALL ($13)) \
             INSERT INTO sspr.address (tenant, address, account, position) \
             SELECT $1, e.address, $2, e.position \
             FROM unnest($13) WITH ORDINALITY AS e (address, position) \
             ON CONFLICT (tenant, address, account) DO UPDATE SET position = excluded.position";
        let providers: Vec<&str> =
            account.identity_providers.iter().map(|it| sql::provider_name(*it)).collect();
        let groups: Vec<&str> = account.groups.iter().map(GroupId::as_str).collect();
        let addresses: Vec<&str> = account.addresses.iter().map(EmailAddress::as_str).collect();
        let last_reset = account.last_reset.as_ref().map(|id| &id.as_bytes()[..]);
        let values: &[Value<'_>] = &[
            (&tenant.as_str(), Type::TEXT),
            (&account.id.as_str(), Type::TEXT),
            (&&account.stamp.as_bytes()[..], Type::BYTEA),
            (&account.password.as_ref().map(PasswordHash::expose), Type::TEXT),
            (&providers, Type::TEXT_ARRAY),
            (&groups, Type::TEXT_ARRAY),
            (&account.disabled, Type::BOOL),
            (&account.locked, Type::BOOL),
            (&sql::second_factor_number(account.second_factor), Type::INT2),
            (&account.language.as_ref().map(LanguageTag::as_str), Type::TEXT),
            (&account.names, Type::TEXT_ARRAY),
            (&last_reset, Type::BYTEA),
            (&addresses, Type::TEXT_ARRAY),
        ];
        self.0.rows(sql, values).await.map(drop)
    }
}

#[async_trait]
impl UserStore for PostgresUsers {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        let sql = format!(
            "{SELECT} WHERE a.tenant = $1 AND a.id IN \
             (SELECT e.account FROM sspr.address AS e WHERE e.tenant = $1 AND e.address = $2)"
        );
        let (tenant, address) = (tenant.as_str(), address.as_str());
        let found = self.0.rows(&sql, &[(&tenant, Type::TEXT), (&address, Type::TEXT)]).await?;
        found.iter().map(rows::account).collect()
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let sql = format!("{SELECT} WHERE a.tenant = $1 AND a.id = $2");
        let (tenant, account) = (tenant.as_str(), account.as_str());
        let found = self.0.rows(&sql, &[(&tenant, Type::TEXT), (&account, Type::TEXT)]).await?;
        found.first().map(rows::account).transpose()
    }

    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let notify: Vec<&str> = change.notify.iter().map(|it| it.to.as_str()).collect();
        let causes: Vec<&str> = change.notify.iter().map(|it| it.cause.as_str()).collect();
        let row = self
            .0
            .row(
                "SELECT * FROM sspr.apply_reset($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
                &[
                    (&change.tenant.as_str(), Type::TEXT),
                    (&change.account.as_str(), Type::TEXT),
                    (&&change.expected_stamp.as_bytes()[..], Type::BYTEA),
                    (&&change.next_stamp.as_bytes()[..], Type::BYTEA),
                    (&change.password.expose(), Type::TEXT),
                    (&&change.reset.as_bytes()[..], Type::BYTEA),
                    (&change.at.as_micros(), Type::INT8),
                    (&notify, Type::TEXT_ARRAY),
                    (&causes, Type::TEXT_ARRAY),
                    (&change.language.as_ref().map(LanguageTag::as_str), Type::TEXT),
                ],
            )
            .await?;
        match get::<i32>(&row, "outcome")? {
            0 => Ok(Applied::Stale),
            1 => Ok(Applied::Repeated { stamp: rows::stamp(get(&row, "stamp_on_file")?)? }),
            2 => Ok(Applied::Done { notice: NoticeDelivery::Queued }),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE sspr.account SET password = $4 \
                   WHERE tenant = $1 AND id = $2 AND password = $3 RETURNING 1";
        let values: &[Value<'_>] = &[
            (&tenant.as_str(), Type::TEXT),
            (&account.as_str(), Type::TEXT),
            (&old.expose(), Type::TEXT),
            (&new.expose(), Type::TEXT),
        ];
        Ok(!self.0.rows(sql, values).await?.is_empty())
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let sql = "UPDATE sspr.account SET signed_in_at = $3 WHERE tenant = $1 AND id = $2";
        let values: &[Value<'_>] = &[
            (&tenant.as_str(), Type::TEXT),
            (&account.as_str(), Type::TEXT),
            (&at.as_micros(), Type::INT8),
        ];
        self.0.rows(sql, values).await.map(drop)
    }
}

#[async_trait]
impl Outbox for PostgresUsers {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        // Rows of older versions do not have the time of their lease. It was one lease before their
        // due time.
        let sql = "WITH due AS (SELECT n.id, n.leased_until FROM sspr.notice AS n \
                     WHERE n.leased_until <= $1 OR coalesce(n.set_at, n.leased_until - $2) > $3 \
                     ORDER BY n.leased_until, n.id LIMIT $4 FOR UPDATE SKIP LOCKED), \
                   leased AS (UPDATE sspr.notice AS n SET leased_until = $5, set_at = $1 FROM due \
                     WHERE n.id = due.id RETURNING n.*, due.leased_until AS due_at) \
                   SELECT id, tenant, address, changed_at, language, tries, cause FROM leased \
                   ORDER BY due_at, id";
        let lease = i64::try_from(NOTICE_LEASE.as_micros()).unwrap_or(i64::MAX);
        let values: &[Value<'_>] = &[
            (&now.as_micros(), Type::INT8),
            (&lease, Type::INT8),
            (&now.after(NOTICE_CLOCK_SLACK).as_micros(), Type::INT8),
            (&i64::try_from(limit).unwrap_or(i64::MAX), Type::INT8),
            (&now.after(NOTICE_LEASE).as_micros(), Type::INT8),
        ];
        readable(self.0.rows(sql, values).await?.iter().map(notice))
    }

    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        // We issue only numeric ids.
        let Ok(id) = id.0.parse::<i64>() else { return Ok(()) };
        let sql = "UPDATE sspr.notice SET tries = $2, leased_until = $3, set_at = $4 WHERE id = $1";
        let values: &[Value<'_>] = &[
            (&id, Type::INT8),
            (&i64::from(tries), Type::INT8),
            (&until.as_micros(), Type::INT8),
            (&now.as_micros(), Type::INT8),
        ];
        self.0.rows(sql, values).await.map(drop)
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        // We issue only numeric ids.
        let Ok(id) = id.0.parse::<i64>() else { return Ok(()) };
        let sql = "DELETE FROM sspr.notice WHERE id = $1";
        self.0.rows(sql, &[(&id, Type::INT8)]).await.map(drop)
    }
}

fn notice(row: &Row) -> Result<Notice, StoreError> {
    let tenant = TenantId::parse(get(row, "tenant")?).map_err(|_| errors::damaged("tenant"))?;
    let to = EmailAddress::parse(get(row, "address")?).map_err(|_| errors::damaged("address"))?;
    let id = NoticeId(get::<i64>(row, "id")?.to_string());
    let mut notice = Notice::new(id, tenant, to, instant(row, "changed_at")?);
    notice.cause = NoticeCause::from_stored(get(row, "cause")?);
    notice.tries = u32::try_from(get::<i64>(row, "tries")?).unwrap_or(u32::MAX);
    let language: Option<&str> = get(row, "language")?;
    notice.language = language.and_then(|tag| LanguageTag::parse(tag).ok());
    Ok(notice)
}
