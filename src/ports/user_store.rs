//! Port: the host's accounts.

use async_trait::async_trait;

use super::{NoticeCause, StoreError};
use crate::domain::{
    Account, AccountId, EmailAddress, LanguageTag, PasswordHash, RecordId, Stamp, TenantId,
    Timestamp,
};

/// The host's users table, behind three methods.
///
/// *Suite*: `user_store_conformance!` (feature `conformance`).
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Finds every account of the tenant that has `address` among its verified addresses.
    ///
    /// *Atomicity*: one snapshot. *Errors*: calling again is harmless. *Security*: compare exactly
    /// after one documented normalisation of your own (the domain is already in lower-case
    /// A-labels; whether `Ada@` and `ada@` are one account is yours to say). Never match by
    /// Unicode look-alike. Answer all matches: a reset happens only if exactly one account is
    /// eligible. *SQL*: `SELECT … WHERE tenant = ? AND address = ?`. *Proof*:
    /// `tests/engine/invariants.rs`.
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError>;

    /// Finds an account by its id.
    ///
    /// *Atomicity*: one snapshot. *Errors*: calling again is harmless. *SQL*:
    /// `SELECT … WHERE tenant = ? AND id = ?`. *Proof*: `tests/engine/invariants.rs`.
    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError>;

    /// Sets the new password in one transaction, iff the stamp is still the expected one.
    ///
    /// The transaction stores the hash, replaces the stamp by the new one, clears the host's own
    /// lock, cancels pending changes of address, records the reset as the account's last one, and
    /// queues the notice if the store has an outbox.
    ///
    /// *Atomicity*: all of it or nothing. *Errors*: after an unknown outcome the engine calls
    /// again: a change whose reset is already the account's last one answers `Repeated` with the
    /// stamp on file and changes nothing. *Security*: `Stale` if the stamp differs or the account
    /// is gone. Sessions end because they carry the old stamp: make your session check compare it.
    /// *SQL*: `UPDATE … SET … WHERE tenant = ? AND id = ? AND stamp = ?`, and one row affected.
    /// *Proof*: `tests/engine/invariants.rs`.
    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError>;

    /// Replaces a hash by a stronger one of the same password, iff the old one is still on file;
    /// leaves the stamp alone. Answers whether it did.
    ///
    /// Optional: a store without it keeps old hashes until the next change. *Atomicity*: one
    /// conditional write. *Errors*: ignored by the engine; the next sign-in tries again.
    async fn rehash(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
    ) -> Result<bool, StoreError> {
        let _ = (tenant, account, old, new);
        Ok(false)
    }

    /// Takes note of a successful sign-in with a password.
    ///
    /// Optional: for "last seen" columns and the like. Must not change the stamp. *Errors*:
    /// ignored by the engine.
    async fn signed_in(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let _ = (tenant, account, at);
        Ok(())
    }
}

/// Everything that one finished reset changes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PasswordChange {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The stamp that the account must still have.
    pub expected_stamp: Stamp,
    /// The stamp that it has afterwards.
    pub next_stamp: Stamp,
    /// The new password's hash.
    pub password: PasswordHash,
    /// The reset; stored as the account's last one.
    pub reset: RecordId,
    /// When it happens.
    pub at: Timestamp,
    /// Whom the notice goes to: every verified address on file before the change.
    pub notify: Vec<NoticeRecipient>,
    /// The language of the notice.
    pub language: Option<LanguageTag>,
}

impl PasswordChange {
    /// A change of an account's password, with a notice to each of its addresses whose cause is
    /// [`NoticeCause::Unknown`]. For tests of a store of your own.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        account: &Account,
        reset: RecordId,
        (password, next_stamp): (PasswordHash, Stamp),
        at: Timestamp,
    ) -> Self {
        let recipient = |to: &EmailAddress| NoticeRecipient::new(to.clone(), NoticeCause::Unknown);
        Self {
            account: account.id.clone(),
            at,
            expected_stamp: account.stamp,
            language: account.language.clone(),
            next_stamp,
            notify: account.addresses.iter().map(recipient).collect(),
            password,
            reset,
            tenant,
        }
    }
}

/// One address that is told of a changed password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoticeRecipient {
    /// The address.
    pub to: EmailAddress,
    /// What this address is told about how it happened.
    pub cause: NoticeCause,
}

impl NoticeRecipient {
    /// A recipient and what it is told.
    #[must_use]
    pub const fn new(to: EmailAddress, cause: NoticeCause) -> Self {
        Self { cause, to }
    }
}

/// What [`UserStore::apply_reset`] answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on every one of them.
pub enum Applied {
    /// Done; the account has the next stamp.
    Done {
        /// How the notice gets out.
        notice: NoticeDelivery,
    },
    /// This reset was applied before; nothing changed now.
    Repeated {
        /// The stamp on file.
        stamp: Stamp,
    },
    /// The account is not as it was when the reset was bound.
    Stale,
}

/// How the notice of a password change gets out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeDelivery {
    /// It stands in the store's outbox, written by the same transaction: at least once.
    Queued,
    /// The store has no outbox: it goes through the courier's memory, at most once.
    NotQueued,
}
