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
        Account, AccountId, EmailAddress, Frozen, GroupId, LanguageTag, PasswordHash, PhoneNumber,
        Recipient, RecordId, TenantId, Timestamp,
    },
    ports::{
        Applied, Freeze, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeCause, NoticeDelivery,
        NoticeId, Outbox, PasswordChange, StoreError, UserStore,
    },
};

/// The query for one account, with its addresses in order.
const SELECT: &str = "SELECT a.id, a.stamp, a.password, a.identity_providers, a.groups, \
    a.disabled, a.locked, a.second_factor, a.language, a.names, a.last_reset, \
    a.must_change, a.password_expires_at, a.frozen_at, a.recover_to, a.phones, \
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
               disabled, locked, second_factor, language, names, last_reset, must_change, \
               password_expires_at, frozen_at, recover_to, phones) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $14, $15, $16, $17, $18) \
             ON CONFLICT (tenant, id) DO UPDATE SET stamp = $3, password = $4, \
               identity_providers = $5, groups = $6, disabled = $7, locked = $8, \
               second_factor = $9, language = $10, names = $11, last_reset = $12, must_change = $14, \
               password_expires_at = $15, frozen_at = $16, recover_to = $17, \
               phones = $18), \
             gone AS (DELETE FROM sspr.address WHERE tenant = $1 AND account = $2 \
               AND address <> ALL ($13)) \
             INSERT INTO sspr.address (tenant, address, account, position) \
             SELECT $1, e.address, $2, e.position \
             FROM unnest($13) WITH ORDINALITY AS e (address, position) \
             ON CONFLICT (tenant, address, account) DO UPDATE SET position = excluded.position";
        let providers: Vec<&str> =
            account.identity_providers.iter().map(|it| sql::provider_name(*it)).collect();
        let groups: Vec<&str> = account.groups.iter().map(GroupId::as_str).collect();
        let addresses = texts(&account.addresses);
        let phones: Vec<&str> = account.phones.iter().map(PhoneNumber::as_str).collect();
        let last_change = account.last_change.as_ref().map(|id| &id.as_bytes()[..]);
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
            (&last_change, Type::BYTEA),
            (&addresses, Type::TEXT_ARRAY),
            (&account.must_change, Type::BOOL),
            (&account.password_expires_at.map(Timestamp::as_micros), Type::INT8),
            (&account.frozen.as_ref().map(|frozen| frozen.at.as_micros()), Type::INT8),
            (&recover_to(account.frozen.as_ref()), Type::TEXT_ARRAY),
            (&phones, Type::TEXT_ARRAY),
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
             (SELECT e.account FROM sspr.address AS e WHERE e.tenant = $1 AND e.address = $2 \
             UNION ALL SELECT r.id FROM sspr.account AS r WHERE r.tenant = $1 \
             AND r.frozen_at IS NOT NULL AND r.recover_to @> ARRAY[$2])"
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

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let notify: Vec<&str> = change.notify.iter().map(|it| it.to.as_str()).collect();
        let causes: Vec<&str> = change.notify.iter().map(|it| it.cause.as_str()).collect();
        let addresses = change.addresses.as_ref().map(|all| texts(all));
        let row = self
            .0
            .row(
                "SELECT * FROM sspr.apply_change(\
                 $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
                &[
                    (&change.tenant.as_str(), Type::TEXT),
                    (&change.account.as_str(), Type::TEXT),
                    (&&change.expected_stamp.as_bytes()[..], Type::BYTEA),
                    (&&change.next_stamp.as_bytes()[..], Type::BYTEA),
                    (&change.password.expose(), Type::TEXT),
                    (&&change.operation.as_bytes()[..], Type::BYTEA),
                    (&change.at.as_micros(), Type::INT8),
                    (&notify, Type::TEXT_ARRAY),
                    (&causes, Type::TEXT_ARRAY),
                    (&change.language.as_ref().map(LanguageTag::as_str), Type::TEXT),
                    (&change.must_change, Type::BOOL),
                    (&change.password_expires_at.map(Timestamp::as_micros), Type::INT8),
                    (&addresses, Type::TEXT_ARRAY),
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

    fn keeps_marks(&self) -> bool {
        true
    }

    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE sspr.account SET must_change = true \
                   WHERE tenant = $1 AND id = $2 RETURNING 1";
        let values: &[Value<'_>] =
            &[(&tenant.as_str(), Type::TEXT), (&account.as_str(), Type::TEXT)];
        Ok(!self.0.rows(sql, values).await?.is_empty())
    }

    fn keeps_freezes(&self) -> bool {
        true
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        // The second look is at the moment before the update, for a repeat of an earlier call.
        let sql = "WITH changed AS (UPDATE sspr.account AS a \
                     SET stamp = $4, frozen_at = $5, recover_to = $6 \
                     WHERE a.tenant = $1 AND a.id = $2 AND a.stamp = $3 RETURNING 1), \
                   ended AS (DELETE FROM sspr.session AS s WHERE s.tenant = $1 AND s.account = $2 \
                     AND EXISTS (SELECT FROM changed)) \
                   SELECT EXISTS (SELECT FROM changed) OR EXISTS (SELECT FROM sspr.account AS a \
                     WHERE a.tenant = $1 AND a.id = $2 AND a.stamp = $4) AS done";
        let values: &[Value<'_>] = &[
            (&freeze.tenant.as_str(), Type::TEXT),
            (&freeze.account.as_str(), Type::TEXT),
            (&&freeze.expected_stamp.as_bytes()[..], Type::BYTEA),
            (&&freeze.next_stamp.as_bytes()[..], Type::BYTEA),
            (&freeze.frozen.as_ref().map(|frozen| frozen.at.as_micros()), Type::INT8),
            (&recover_to(freeze.frozen.as_ref()), Type::TEXT_ARRAY),
        ];
        get(&self.0.row(sql, values).await?, "done")
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
                   SELECT id, tenant, address, changed_at, language, tries, cause, account, operation \
                   FROM leased ORDER BY due_at, id";
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
    let to = Recipient::from_stored(get(row, "address")?);
    let to = to.ok_or_else(|| errors::damaged("address"))?;
    let id = NoticeId(get::<i64>(row, "id")?.to_string());
    let mut notice = Notice::new(id, tenant, to, instant(row, "changed_at")?);
    notice.cause = NoticeCause::from_stored(get(row, "cause")?);
    // A notice is sent even if these cannot be read, because it only loses its code.
    let account: Option<&str> = get(row, "account")?;
    notice.account = account.and_then(|id| AccountId::parse(id).ok());
    let operation: Option<&[u8]> = get(row, "operation")?;
    notice.operation = operation.and_then(|id| id.try_into().ok()).map(RecordId::from_bytes);
    notice.tries = u32::try_from(get::<i64>(row, "tries")?).unwrap_or(u32::MAX);
    let language: Option<&str> = get(row, "language")?;
    notice.language = language.and_then(|tag| LanguageTag::parse(tag).ok());
    Ok(notice)
}

fn texts(addresses: &[EmailAddress]) -> Vec<&str> {
    addresses.iter().map(EmailAddress::as_str).collect()
}

fn recover_to(frozen: Option<&Frozen>) -> Vec<&str> {
    frozen.map(|frozen| texts(&frozen.recover_to)).unwrap_or_default()
}
