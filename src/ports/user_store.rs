//! Port: the accounts of the host.

use async_trait::async_trait;

use super::{NoticeCause, StoreError};
use crate::domain::{
    Account, AccountId, EmailAddress, Frozen, LanguageTag, PasswordHash, Recipient, RecordId,
    Stamp, TenantId, Timestamp,
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
///     async fn apply_change(
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
    /// Finds every account of the tenant that has `address` among its verified addresses. Also
    /// finds every frozen account that has `address` among its recovery addresses
    /// ([`Frozen::recover_to`]).
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
    /// Every change of a password comes here: a reset, a change by the signed-in user, and a forced
    /// change. One transaction does all of the following, or nothing:
    ///
    /// - It stores the hash and replaces the stamp by [`PasswordChange::next_stamp`].
    /// - It stores [`PasswordChange::must_change`] and [`PasswordChange::password_expires_at`].
    /// - It removes a lock that the host has set, and cancels pending changes of address.
    /// - It ends a freeze. If [`PasswordChange::addresses`] is `Some`, it replaces the addresses and
    ///   removes all phones.
    /// - It stores [`PasswordChange::operation`] as the last change of the account.
    /// - It queues the notices, if the store has an outbox.
    ///
    /// Returns [`Applied::Stale`] if the stamp differs or the account does not exist. If this
    /// operation is already the last change of the account, the method changes nothing and returns
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
    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError>;

    /// Returns whether the store keeps [`Account::must_change`] and
    /// [`Account::password_expires_at`]. The default is `false`.
    ///
    /// # Security
    /// If the store does not keep these two fields, a temporary password would never expire. The
    /// help desk therefore sets no temporary password.
    fn keeps_marks(&self) -> bool {
        false
    }

    /// Marks an account that must change its password at the next sign-in. Returns whether it is
    /// marked.
    ///
    /// This is one write. It sets [`Account::must_change`] and nothing else, so sessions stay. The
    /// method is optional. A store without it answers `false`. The answer for an unknown account is
    /// `false` too.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<bool, StoreError> {
        let _ = (tenant, account);
        Ok(false)
    }

    /// Returns whether the store implements [`UserStore::freeze`], and keeps [`Account::frozen`].
    /// The default is `false`.
    ///
    /// # Security
    /// If the answer is `false`, notices carry no code that freezes the account.
    fn keeps_freezes(&self) -> bool {
        false
    }

    /// Freezes an account or ends its freeze, if the account still has the expected stamp.
    ///
    /// One transaction does all of the following, or nothing:
    ///
    /// - It replaces the stamp by [`Freeze::next_stamp`], so that every session ends.
    /// - It replaces [`Account::frozen`] by [`Freeze::frozen`].
    ///
    /// Everything else stays, also the addresses on file. Returns whether the account has the next
    /// stamp now. A repeat after an unknown outcome therefore answers `true` and changes nothing.
    /// Returns `false` if the account has neither the expected stamp nor the next stamp, or does
    /// not exist.
    ///
    /// The method is optional. A store without it answers `false`.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    ///
    /// # Security
    /// A host with other ways to sign in, such as a social login, must refuse a frozen account
    /// there as well.
    async fn freeze(&self, freeze: &Freeze) -> Result<bool, StoreError> {
        let _ = freeze;
        Ok(false)
    }

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

/// One change of a password, with everything that changes together with it.
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
    /// Whether the account must change this password before its next session.
    pub must_change: bool,
    /// When this password stops working, if it is a temporary one.
    pub password_expires_at: Option<Timestamp>,
    /// The id of the operation, for instance of the reset. The store keeps it as the last change of
    /// the account.
    pub operation: RecordId,
    /// The time of the change.
    pub at: Timestamp,
    /// The recipients of the notice: every verified address on file before the change, and every
    /// verified phone that the tenant sends texts to. For a frozen account, they are the recovery
    /// addresses instead ([`Account::destinations`]).
    pub notify: Vec<NoticeRecipient>,
    /// The language of the notice.
    pub language: Option<LanguageTag>,
    /// The addresses that the account has from now on, or `None` if they stay. A frozen account
    /// keeps only its recovery addresses ([`Frozen::recover_to`]) and no phone, because someone else
    /// may have added the others.
    pub addresses: Option<Vec<EmailAddress>>,
}

impl PasswordChange {
    /// Creates a change to a permanent password. Each destination of the account
    /// ([`Account::destinations`]) gets a notice with [`NoticeCause::Unknown`].
    #[must_use]
    pub fn new(
        tenant: TenantId,
        account: &Account,
        operation: RecordId,
        (password, next_stamp): (PasswordHash, Stamp),
        at: Timestamp,
    ) -> Self {
        let recipient = |to: &EmailAddress| NoticeRecipient::new(to.clone(), NoticeCause::Unknown);
        Self {
            account: account.id.clone(),
            addresses: account.frozen.as_ref().map(|frozen| frozen.recover_to.clone()),
            at,
            expected_stamp: account.stamp,
            language: account.language.clone(),
            must_change: false,
            next_stamp,
            notify: account.destinations().iter().map(recipient).collect(),
            operation,
            password,
            password_expires_at: None,
            tenant,
        }
    }
}

/// The freeze of an account, or the end of a freeze.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Freeze {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The stamp that the account must still have.
    pub expected_stamp: Stamp,
    /// The stamp that the account has afterwards.
    pub next_stamp: Stamp,
    /// The freeze, or `None` to end it.
    pub frozen: Option<Frozen>,
}

impl Freeze {
    /// Describes the freeze of an account. The stamp of `account`, as the caller has read it,
    /// becomes the expected stamp. `None` ends the freeze.
    #[must_use]
    pub fn new(
        tenant: TenantId,
        account: &Account,
        next_stamp: Stamp,
        frozen: Option<Frozen>,
    ) -> Self {
        let (id, expected_stamp) = (account.id.clone(), account.stamp);
        Self { account: id, expected_stamp, frozen, next_stamp, tenant }
    }
}

/// One address or phone that gets the notice of a changed password.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NoticeRecipient {
    /// The address or phone.
    pub to: Recipient,
    /// The cause of the change that the notice states.
    pub cause: NoticeCause,
}

impl NoticeRecipient {
    /// Creates a recipient with the cause that the notice states.
    #[must_use]
    pub fn new(to: impl Into<Recipient>, cause: NoticeCause) -> Self {
        Self { cause, to: to.into() }
    }
}

/// The answer of [`UserStore::apply_change`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on every one of them.
pub enum Applied {
    /// The password is changed, and the account has the next stamp.
    Done {
        /// How the notice is delivered.
        notice: NoticeDelivery,
    },
    /// This operation is already the last change of the account. This call has changed nothing.
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
