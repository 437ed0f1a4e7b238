//! A user store with an outbox in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, params};

use super::{
    connections::Connections,
    errors::{self, damaged},
    rows,
    worker::Writes,
};
use crate::{
    adapters::sql::readable,
    domain::{
        Account, AccountId, EmailAddress, LanguageTag, PasswordHash, Recipient, RecordId, Stamp,
        TenantId, Timestamp,
    },
    ports::{
        Applied, Freeze, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeCause, NoticeDelivery,
        NoticeId, NoticeRecipient, Outbox, PasswordChange, StoreError, UserStore,
    },
};

/// Keeps accounts in a SQLite file. Addresses match exactly.
#[derive(Clone, Debug)]
pub struct SqliteUsers(pub(super) Arc<Connections>);

impl SqliteUsers {
    pub(super) const fn over(connections: Arc<Connections>) -> Self {
        Self(connections)
    }

    /// Adds an account, or replaces the account of that id.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails.
    pub async fn insert(&self, tenant: &TenantId, account: &Account) -> Result<(), StoreError> {
        let (tenant, account) = (tenant.clone(), account.clone());
        let act = move |connection: &Connection| {
            rows::write(connection, &tenant, &account).map(|()| ((), Writes::Stand))
        };
        self.0.writer.call(act).await
    }
}

#[async_trait]
impl UserStore for SqliteUsers {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        let (tenant, address) = (tenant.clone(), address.clone());
        let act = move |connection: &Connection| {
            rows::with_address(connection, &tenant, &address).map(|found| (found, Writes::Undone))
        };
        self.0.reader.call(act).await
    }

    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError> {
        let (tenant, account) = (tenant.clone(), account.clone());
        let act = move |connection: &Connection| {
            rows::with_id(connection, &tenant, &account).map(|found| (found, Writes::Undone))
        };
        self.0.reader.call(act).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        let change = change.clone();
        self.0.writer.call(move |connection| apply(connection, &change)).await
    }

    fn keeps_marks(&self) -> bool {
        true
    }

    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let (tenant, account) = (tenant.clone(), account.clone());
        let sql = "UPDATE sspr_account SET must_change = 1 WHERE tenant = ?1 AND id = ?2";
        let act = move |connection: &Connection| {
            let values = params![tenant.as_str(), account.as_str()];
            let marked = connection.prepare_cached(sql)?.execute(values)?;
            Ok((marked == 1, Writes::Stand))
        };
        self.0.writer.call(act).await
    }

    fn keeps_freezes(&self) -> bool {
        true
    }

    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        let freeze = freeze.clone();
        self.0.writer.call(move |connection| freeze_account(connection, &freeze)).await
    }

    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let (tenant, account, old, new) =
            (tenant.clone(), account.clone(), old.clone(), new.clone());
        let sql = "UPDATE sspr_account SET password = ?4 \
                   WHERE tenant = ?1 AND id = ?2 AND password = ?3";
        let act = move |connection: &Connection| {
            let values = params![tenant.as_str(), account.as_str(), old.expose(), new.expose()];
            let changed = connection.prepare_cached(sql)?.execute(values)?;
            Ok((changed == 1, Writes::Stand))
        };
        self.0.writer.call(act).await
    }

    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let (tenant, account) = (tenant.clone(), account.clone());
        let sql = "UPDATE sspr_account SET signed_in_at = ?3 WHERE tenant = ?1 AND id = ?2";
        let act = move |connection: &Connection| {
            let values = params![tenant.as_str(), account.as_str(), at.as_micros()];
            connection.prepare_cached(sql)?.execute(values)?;
            Ok(((), Writes::Stand))
        };
        self.0.writer.call(act).await
    }
}

#[async_trait]
impl Outbox for SqliteUsers {
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let act =
            move |connection: &Connection| Ok((lease(connection, now, limit)?, Writes::Stand));
        self.0.writer.call(act).await?.map_err(errors::statement)
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
        let act = move |connection: &Connection| {
            let sql = "UPDATE sspr_notice SET tries = ?2, leased_until = ?3, set_at = ?4 \
                       WHERE id = ?1";
            let values = params![id, tries, until.as_micros(), now.as_micros()];
            connection.prepare_cached(sql)?.execute(values)?;
            Ok(((), Writes::Stand))
        };
        self.0.writer.call(act).await
    }

    async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
        // We issue only numeric ids.
        let Ok(id) = id.0.parse::<i64>() else { return Ok(()) };
        let act = move |connection: &Connection| {
            let sql = "DELETE FROM sspr_notice WHERE id = ?1";
            connection.prepare_cached(sql)?.execute([id])?;
            Ok(((), Writes::Stand))
        };
        self.0.writer.call(act).await
    }
}

/// Changes the hash, stamp, marks, lock, pending address, last change, sessions and notices. Either
/// all of it happens or nothing.
pub(super) fn apply(
    connection: &Connection,
    change: &PasswordChange,
) -> Result<(Applied, Writes), Error> {
    let sql = "UPDATE sspr_account SET password = ?4, stamp = ?5, locked = 0, \
               pending_address = NULL, last_reset = ?6, must_change = ?7, password_expires_at = ?8, \
               frozen_at = NULL, phones = CASE WHEN ?9 THEN '[]' ELSE phones END \
               WHERE tenant = ?1 AND id = ?2 AND stamp = ?3 AND last_reset IS NOT ?6";
    let changed = connection.prepare_cached(sql)?.execute(params![
        change.tenant.as_str(),
        change.account.as_str(),
        change.expected_stamp.as_bytes(),
        change.password.expose(),
        change.next_stamp.as_bytes(),
        change.operation.as_bytes(),
        change.must_change,
        change.password_expires_at.map(Timestamp::as_micros),
        change.addresses.is_some(),
    ])?;
    if changed == 0 {
        let sql = "SELECT stamp FROM sspr_account \
                   WHERE tenant = ?1 AND id = ?2 AND last_reset = ?3";
        let values =
            params![change.tenant.as_str(), change.account.as_str(), change.operation.as_bytes()];
        let mut statement = connection.prepare_cached(sql)?;
        let stamp = statement.query_row(values, |row| row.get::<_, [u8; 16]>(0)).optional()?;
        let answer = match stamp {
            Some(stamp) => Applied::Repeated { stamp: Stamp::from_bytes(stamp) },
            None => Applied::Stale,
        };
        return Ok((answer, Writes::Undone));
    }
    let of = (&change.tenant, &change.account);
    rows::write_recovery(connection, of, &[])?;
    if let Some(addresses) = &change.addresses {
        rows::write_addresses(connection, of, addresses)?;
    }
    end_sessions(connection, &change.tenant, &change.account)?;
    let sql = "INSERT INTO sspr_notice \
               (tenant, address, changed_at, language, leased_until, set_at, cause, account, \
               operation) VALUES (?1, ?2, ?3, ?4, ?3, ?3, ?5, ?6, ?7)";
    for NoticeRecipient { to, cause } in &change.notify {
        connection.prepare_cached(sql)?.execute(params![
            change.tenant.as_str(),
            to.as_str(),
            change.at.as_micros(),
            change.language.as_ref().map(LanguageTag::as_str),
            cause.as_str(),
            change.account.as_str(),
            change.operation.as_bytes(),
        ])?;
    }
    Ok((Applied::Done { notice: NoticeDelivery::Queued }, Writes::Stand))
}

/// Leases the notices that are due, with the one that has been due longest first. A damaged row is
/// leased like the others.
///
/// The writer holds the lock, so that no other process comes between the read and the lease.
fn lease(
    connection: &Connection,
    now: Timestamp,
    limit: i64,
) -> Result<Result<Vec<Notice>, Error>, Error> {
    // Rows of older versions do not have the time of their lease. It was one lease before their due
    // time.
    let sql = "SELECT id, tenant, address, changed_at, language, tries, cause, account, operation \
               FROM sspr_notice WHERE leased_until <= ?1 OR coalesce(set_at, leased_until - ?2) > ?3 \
               ORDER BY leased_until, id LIMIT ?4";
    let mut statement = connection.prepare_cached(sql)?;
    let lease = i64::try_from(NOTICE_LEASE.as_micros()).unwrap_or(i64::MAX);
    let latest = now.after(NOTICE_CLOCK_SLACK).as_micros();
    let values = params![now.as_micros(), lease, latest, limit];
    let due = statement.query_map(values, |row| Ok((row.get::<_, i64>(0)?, notice(row))))?;
    let due = due.collect::<Result<Vec<_>, Error>>()?;
    let sql = "UPDATE sspr_notice SET leased_until = ?2, set_at = ?3 WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    for (id, _) in &due {
        let until = now.after(NOTICE_LEASE).as_micros();
        statement.execute(params![id, until, now.as_micros()])?;
    }
    Ok(readable(due.into_iter().map(|(_, notice)| notice)))
}

/// Changes the stamp and the freeze, and ends the sessions.
fn freeze_account(connection: &Connection, freeze: &Freeze) -> Result<(bool, Writes), Error> {
    let (tenant, account) = (freeze.tenant.as_str(), freeze.account.as_str());
    let sql = "UPDATE sspr_account SET stamp = ?4, frozen_at = ?5 \
               WHERE tenant = ?1 AND id = ?2 AND stamp = ?3";
    let changed = connection.prepare_cached(sql)?.execute(params![
        tenant,
        account,
        freeze.expected_stamp.as_bytes(),
        freeze.next_stamp.as_bytes(),
        freeze.frozen.as_ref().map(|frozen| frozen.at.as_micros()),
    ])?;
    if changed == 0 {
        let sql = "SELECT count(*) FROM sspr_account WHERE tenant = ?1 AND id = ?2 AND stamp = ?3";
        let values = params![tenant, account, freeze.next_stamp.as_bytes()];
        let done: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
        return Ok((done == 1, Writes::Undone));
    }
    let back = freeze.frozen.as_ref().map_or(&[][..], |frozen| &frozen.recover_to);
    rows::write_recovery(connection, (&freeze.tenant, &freeze.account), back)?;
    end_sessions(connection, &freeze.tenant, &freeze.account)?;
    Ok((true, Writes::Stand))
}

fn end_sessions(
    connection: &Connection,
    tenant: &TenantId,
    account: &AccountId,
) -> Result<(), Error> {
    let sql = "DELETE FROM sspr_session WHERE tenant = ?1 AND account = ?2";
    connection.prepare_cached(sql)?.execute([tenant.as_str(), account.as_str()]).map(drop)
}

fn notice(row: &rusqlite::Row<'_>) -> Result<Notice, Error> {
    let (tenant, to): (String, String) = (row.get(1)?, row.get(2)?);
    let language: Option<String> = row.get(4)?;
    let mut notice = Notice::new(
        NoticeId(row.get::<_, i64>(0)?.to_string()),
        TenantId::parse(&tenant).map_err(|_| damaged("tenant"))?,
        Recipient::from_stored(&to).ok_or_else(|| damaged("address"))?,
        Timestamp::from_micros(row.get(3)?),
    );
    notice.language = language.and_then(|tag| LanguageTag::parse(&tag).ok());
    notice.tries = row.get(5)?;
    notice.cause = NoticeCause::from_stored(&row.get::<_, String>(6)?);
    // A notice is sent even if these cannot be read, because it only loses its code.
    let account: Option<String> = row.get(7)?;
    notice.account = account.and_then(|id| AccountId::parse(&id).ok());
    let operation: Option<Vec<u8>> = row.get(8)?;
    notice.operation = operation.and_then(|id| id.try_into().ok()).map(RecordId::from_bytes);
    Ok(notice)
}
