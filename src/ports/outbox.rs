//! Port: the outbox of notices.

use core::time::Duration;

use async_trait::async_trait;

use super::StoreError;
pub use crate::domain::notice::NoticeCause;
use crate::domain::{
    AccountId, CorrelationId, LanguageTag, Recipient, RecordId, TenantId, Timestamp,
};

/// How long a notice stays with the courier that leased it: 60 seconds.
pub const NOTICE_LEASE: Duration = Duration::from_secs(60);

/// How far ahead of `now` the time that scheduled a notice may lie: 60 seconds. If it lies further
/// ahead, the clock has stepped back meanwhile, and the notice is due at once.
pub const NOTICE_CLOCK_SLACK: Duration = Duration::from_secs(60);

/// The outbox of notices that [`UserStore::apply_change`](super::UserStore::apply_change) has queued
/// in its transaction. It hands out each notice at least once.
///
/// A notice leaves the outbox only through [`Outbox::done`]. The courier calls it after a delivery,
/// after a permanent refusal of that recipient, and after seven days without success.
///
/// The suite `outbox_conformance!` (feature `conformance`) tests an implementation.
///
/// ```
/// use sspr::domain::Timestamp;
/// use sspr::ports::{Notice, NoticeId, Outbox, StoreError};
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl Outbox for Mine {
///     async fn due(
///         &self,
///         now: Timestamp,
///         limit: usize,
///     ) -> Result<Vec<Notice>, StoreError> {
///         # let _ = (now, limit);
///         Ok(Vec::new())
///     }
///
///     async fn postpone(
///         &self,
///         id: &NoticeId,
///         tries: u32,
///         until: Timestamp,
///         now: Timestamp,
///     ) -> Result<(), StoreError> {
///         # let _ = (id, tries, until, now);
///         Ok(())
///     }
///
///     async fn done(&self, id: &NoticeId) -> Result<(), StoreError> {
///         # let _ = id;
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases at most `limit` notices that are due. The notice that has been due longest comes first.
    ///
    /// A notice is due when its due time is reached (`due_at <= now`). It is also due when the time
    /// that scheduled it lies more than [`NOTICE_CLOCK_SLACK`] ahead of `now`, because then the clock
    /// has stepped back. A new notice is due at once. A lease makes a notice due again
    /// [`NOTICE_LEASE`] after `now`.
    ///
    /// The call is one write, so that two couriers never hold one lease.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless. A notice that cannot be read is leased like any
    /// other notice and holds up no other one. If it is the only one, the error says so.
    ///
    /// # Security
    /// A notice that is handed out twice is sent twice, which is safe. A lost notice hides an attack.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError>;

    /// Keeps a notice, stores how often sending has failed, and makes it due at `until`.
    ///
    /// The courier calls it to renew a lease while a message is under way, and to wait before it sends
    /// again. An unknown id is ignored.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Removes a notice that was delivered or given up. An unknown id is ignored.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn done(&self, id: &NoticeId) -> Result<(), StoreError>;
}

/// The id of a notice, as its store writes it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoticeId(pub String);

/// A notice to one address or phone that the password was changed.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notice {
    /// The id in the store.
    pub id: NoticeId,
    /// The tenant.
    pub tenant: TenantId,
    /// The one recipient. A store keeps it as [`Recipient::as_str`], and reads it with
    /// [`Recipient::from_stored`].
    pub to: Recipient,
    /// When the password was changed.
    pub at: Timestamp,
    /// How the password was changed, as this recipient is told.
    pub cause: NoticeCause,
    /// How often the courier has sent it without success.
    pub tries: u32,
    /// The language of the account.
    pub language: Option<LanguageTag>,
    /// The correlation id of the request.
    pub correlation: Option<CorrelationId>,
    /// The account, or `None` if the store does not know it, for instance because an older version
    /// queued the notice. Without it, the notice carries no code that freezes the account.
    pub account: Option<AccountId>,
    /// The operation that changed the password, or `None` for the same reason.
    pub operation: Option<RecordId>,
}

impl Notice {
    /// Makes a notice to one recipient that was never sent, with the cause unknown.
    #[must_use]
    pub fn new(id: NoticeId, tenant: TenantId, to: impl Into<Recipient>, at: Timestamp) -> Self {
        Self {
            account: None,
            at,
            cause: NoticeCause::Unknown,
            correlation: None,
            id,
            language: None,
            operation: None,
            tenant,
            to: to.into(),
            tries: 0,
        }
    }
}
