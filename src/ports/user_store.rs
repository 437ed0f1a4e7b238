//! Port: the accounts of the host.

use async_trait::async_trait;

use super::{NoticeCause, StoreError};
use crate::domain::{
    Account, AccountId, EmailAddress, LanguageTag, PasswordHash, RecordId, Stamp, TenantId,
    Timestamp,
};

/// The users table of the host (your service).
///
/// ```
/// use sspr::domain::{Account, AccountId, TenantId};
/// use sspr::ports::{Applied, PasswordChange, StoreError, UserStore};
/// use sspr::EmailAddress;
///
/// struct Mine; // for example a pool of connections
///
/// #[async_trait::async_trait]
/// impl UserStore for Mine {
///     async fn find_by_address(
///         &self,
///         tenant: &TenantId,
///         address: &EmailAddress,
///     ) -> Result<Vec<Account>, StoreError> {
///         // SELECT … WHERE tenant = ? AND address = ?
///         # let _ = (tenant, address);
///         Ok(Vec::new())
///     }
///
///     async fn find(
///         &self,
///         tenant: &TenantId,
///         account: &AccountId,
///     ) -> Result<Option<Account>, StoreError> {
///         // SELECT … WHERE tenant = ? AND id = ?
///         # let _ = (tenant, account);
///         Ok(None)
///     }
///
///     async fn apply_reset(
///         &self,
///         change: &PasswordChange,
///     ) -> Result<Applied, StoreError> {
///         // UPDATE … SET … WHERE tenant = ? AND id = ? AND stamp = ?
///         # let _ = change;
///         Ok(Applied::Stale)
///     }
/// }
/// ```
///
/// Three methods are required. The suite `user_store_conformance!` (feature `conformance`) tests an
/// implementation.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Finds every account of the tenant that has `address` among its verified addresses.
    ///
    /// The answer is one snapshot, so an account and its addresses come from the same moment. It
    /// contains all matches, because a reset is possible only if exactly one account is eligible.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    ///
    /// # Security
    /// Normalize addresses in one documented way, and then compare exactly. The domain is already
    /// in lower case and in ASCII (A-labels). You decide whether `Ada@` and `ada@` are one account.
    /// Never match characters that only look alike.
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError>;

    /// Finds an account by its id. The answer is one snapshot.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn find(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Option<Account>, StoreError>;

    /// Sets the new password if the account still has the expected stamp.
    ///
    /// One transaction does all of the following, or nothing:
    ///
    /// - It stores the hash and replaces the stamp by [`PasswordChange::next_stamp`].
    /// - It removes a lock that the host has set, and cancels pending changes of address.
    /// - It stores [`PasswordChange::reset`] as the last reset of the account.
    /// - It queues the notices, if the store has an outbox.
    ///
    /// Returns [`Applied::Stale`] if the stamp differs or the account does not exist. If this reset
    /// is already the last reset of the account, the method changes nothing and returns
    /// [`Applied::Repeated`] with the current stamp. The engine relies on this when it calls again
    /// after an unknown outcome. Check for a repeat before you compare the stamps, because the
    /// first call has already replaced the stamp.
    ///
    /// # Errors
    /// [`StoreError`] with the kind [`Unknown`](super::StoreErrorKind::Unknown) if the transaction
    /// may have been committed. With any other kind nothing has changed.
    ///
    /// # Security
    /// Old sessions end because they carry the old stamp. The session check of your service must
    /// compare the stamps.
    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError>;

    /// Replaces the hash of a password by a stronger hash, if the stored hash is still `old`.
    /// Returns whether the hash was replaced.
    ///
    /// This is one conditional write, and it does not change the stamp. The method is optional. A
    /// store without it keeps old hashes until the next change of password.
    ///
    /// # Errors
    /// The engine ignores an error, because the next sign-in tries again.
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

    /// Records a successful sign-in with a password, for columns such as "last seen".
    ///
    /// This method must not change the stamp. It is optional.
    ///
    /// # Errors
    /// The engine ignores an error.
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

/// The changes that one successful reset makes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PasswordChange {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The stamp that the account must still have.
    pub expected_stamp: Stamp,
    /// The stamp that the account has afterwards.
    pub next_stamp: Stamp,
    /// The hash of the new password.
    pub password: PasswordHash,
    /// The id of the reset. The store keeps it as the last reset of the account.
    pub reset: RecordId,
    /// The time of the change.
    pub at: Timestamp,
    /// The recipients of the notice: every verified address on file before the change.
    pub notify: Vec<NoticeRecipient>,
    /// The language of the notice.
    pub language: Option<LanguageTag>,
}

impl PasswordChange {
    /// Creates a change for tests of your own store.
    ///
    /// Each address of the account gets a notice with [`NoticeCause::Unknown`].
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

/// One address that gets the notice of a changed password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoticeRecipient {
    /// The address.
    pub to: EmailAddress,
    /// The cause of the change that the notice states.
    pub cause: NoticeCause,
}

impl NoticeRecipient {
    /// Creates a recipient with the cause that the notice states.
    #[must_use]
    pub const fn new(to: EmailAddress, cause: NoticeCause) -> Self {
        Self { cause, to }
    }
}

/// The answer of [`UserStore::apply_reset`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on every one of them.
pub enum Applied {
    /// The password is changed, and the account has the next stamp.
    Done {
        /// How the notice is delivered.
        notice: NoticeDelivery,
    },
    /// This reset is already the last reset of the account. This call has changed nothing.
    Repeated {
        /// The current stamp of the account.
        stamp: Stamp,
    },
    /// The stamp differs, or the account does not exist. Nothing has changed.
    Stale,
}

/// How the notice of a password change is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeDelivery {
    /// The notice is sent at least once, because the same transaction has written it to the outbox.
    Queued,
    /// The courier keeps the notice in memory, because the store has no outbox. A crash can lose
    /// the notice.
    NotQueued,
}
