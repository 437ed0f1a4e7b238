//! Port: the accounts of the host.

use async_trait::async_trait;

use super::{NoticeCause, StoreError};
use crate::domain::{
    Account, AccountId, EmailAddress, LanguageTag, PasswordHash, RecordId, Stamp, TenantId,
    Timestamp,
};

/// The users table of the host, behind three methods.
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
/// The suite `user_store_conformance!` (feature `conformance`) tests an implementation.
#[async_trait]
pub trait UserStore: Send + Sync {
    /// Finds every account of the tenant that has `address` among its verified addresses.
    ///
    /// The answer is one snapshot: an account and its addresses come from the same moment. It names
    /// all matches, because a reset happens only if exactly one account is eligible.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    ///
    /// # Security
    /// Compare exactly, after one normalization that you document. The domain is already in
    /// lower-case A-labels. You decide whether `Ada@` and `ada@` are one account. Never match
    /// characters that only look alike.
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
    /// One transaction does all of this, or nothing:
    ///
    /// - It stores the hash and replaces the stamp by [`PasswordChange::next_stamp`].
    /// - It removes the lock that the host itself has set, and cancels pending changes of address.
    /// - It records the reset as the last one of the account.
    /// - It queues the notices, if the store has an outbox.
    ///
    /// Answers [`Applied::Stale`] if the stamp differs or the account is gone. Answers
    /// [`Applied::Repeated`] with the stamp on file, and changes nothing, if the account already
    /// carries this reset. The engine calls again after an unknown outcome and relies on that.
    ///
    /// # Errors
    /// [`StoreError`] with the kind [`Unknown`](super::StoreErrorKind::Unknown) if the transaction
    /// may have been committed. With any other kind nothing has changed.
    ///
    /// # Security
    /// Sessions end because they carry the old stamp. Make the session check of your service compare
    /// the stamp.
    async fn apply_reset(&self, change: &PasswordChange) -> Result<Applied, StoreError>;

    /// Replaces a hash by a stronger one of the same password, if the old one is still on file.
    /// Answers whether it was replaced.
    ///
    /// This is one conditional write, and it does not change the stamp. The method is optional: a
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
    /// It must not change the stamp. The method is optional.
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
    /// The stamp that the account has afterwards.
    pub next_stamp: Stamp,
    /// The hash of the new password.
    pub password: PasswordHash,
    /// The reset, to be stored as the last one of the account.
    pub reset: RecordId,
    /// The time of the change.
    pub at: Timestamp,
    /// The recipients of the notice: every verified address on file before the change.
    pub notify: Vec<NoticeRecipient>,
    /// The language of the notice.
    pub language: Option<LanguageTag>,
}

impl PasswordChange {
    /// Makes a change of an account's password, for tests of your own store.
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
    /// How the password was changed, as this address is told.
    pub cause: NoticeCause,
}

impl NoticeRecipient {
    /// A recipient with the cause that the notice gives.
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
    /// The account carries this reset already. This call has changed nothing.
    Repeated {
        /// The stamp on file.
        stamp: Stamp,
    },
    /// The stamp differs, or the account is gone. Nothing has changed.
    Stale,
}

/// How the notice of a password change is delivered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoticeDelivery {
    /// At least once, because the same transaction has written it to the outbox of the store.
    Queued,
    /// From the memory of the courier, because the store has no outbox. A crash can lose it.
    NotQueued,
}
