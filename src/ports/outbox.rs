//! Port: notices that must not be lost.

use core::time::Duration;

use async_trait::async_trait;

use super::StoreError;
pub use crate::domain::notice::NoticeCause;
use crate::domain::{CorrelationId, EmailAddress, LanguageTag, TenantId, Timestamp};

/// How long a notice stays with the courier that leased it: 60 seconds.
pub const NOTICE_LEASE: Duration = Duration::from_secs(60);

/// How far ahead of `now` the instant that scheduled a notice may lie: 60 seconds. If it lies
/// further ahead, the clock has stepped back since, and the notice is due at once.
pub const NOTICE_CLOCK_SLACK: Duration = Duration::from_secs(60);

/// Hands out the notices that [`UserStore::apply_reset`](super::UserStore::apply_reset) queued in
/// its transaction, at least once each.
///
/// A notice leaves the outbox only through [`Outbox::done`]. The courier calls it after a delivery,
/// after a permanent refusal of that recipient, and after seven days without success.
///
/// *Suite*: `outbox_conformance!` (feature `conformance`).
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases at most `limit` notices that are due, the one that has been due longest first.
    ///
    /// A notice is due when its due time is reached (`due_at <= now`). It is also due when the
    /// instant that set its due time lies more than [`NOTICE_CLOCK_SLACK`] ahead of `now`, because
    /// then the clock has stepped back. A new notice is due at once. A lease makes a notice due
    /// again [`NOTICE_LEASE`] after `now`.
    ///
    /// *Atomicity*: one write; two couriers never hold one lease. *Errors*: calling again is
    /// harmless. A notice that cannot be read is leased like the others and holds up none of them;
    /// if it comes alone, the error says so. *Security*: handing out twice sends a notice twice, which is safe; losing one hides
    /// an attack.
    async fn due(&self, now: Timestamp, limit: usize) -> Result<Vec<Notice>, StoreError>;

    /// Keeps a notice, stores how often it was tried, and makes it due at `until`.
    ///
    /// The courier calls it to renew a lease while a message is under way, and to wait before the
    /// next try.
    ///
    /// *Atomicity*: one write. *Errors*: calling again is harmless; an unknown id is nothing.
    async fn postpone(
        &self,
        id: &NoticeId,
        tries: u32,
        until: Timestamp,
        now: Timestamp,
    ) -> Result<(), StoreError>;

    /// Removes a notice that was delivered, or that cannot be delivered at all.
    ///
    /// *Atomicity*: one write. *Errors*: calling again is harmless; an unknown id is nothing.
    async fn done(&self, id: &NoticeId) -> Result<(), StoreError>;
}

/// The store's own name for one notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct NoticeId(pub String);

/// "Your password was changed", to one address.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Notice {
    /// The store's own name for it.
    pub id: NoticeId,
    /// The tenant.
    pub tenant: TenantId,
    /// The one recipient.
    pub to: EmailAddress,
    /// When the password was changed.
    pub at: Timestamp,
    /// How the password came to be changed, as this recipient should be told.
    pub cause: NoticeCause,
    /// How often the courier has tried to send it.
    pub tries: u32,
    /// The account's language.
    pub language: Option<LanguageTag>,
    /// What ties it to the request.
    pub correlation: Option<CorrelationId>,
}

impl Notice {
    /// A notice to one address that was not tried yet, without a known cause.
    #[must_use]
    pub fn new(id: NoticeId, tenant: TenantId, to: EmailAddress, at: Timestamp) -> Self {
        let cause = NoticeCause::Unknown;
        Self { at, cause, correlation: None, id, language: None, tenant, to, tries: 0 }
    }
}
