//! Port: notices that must not be lost.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{CorrelationId, EmailAddress, Instant, LanguageTag, TenantId};

/// Hands out the notices that [`UserStore::apply_reset`](super::UserStore::apply_reset) queued in
/// its transaction, at least once each.
///
/// *Suite*: `outbox_conformance!` (feature `conformance`).
#[async_trait]
pub trait Outbox: Send + Sync {
    /// Leases at most `limit` notices that are due: not done, and not leased by anybody else.
    ///
    /// *Atomicity*: one write; two couriers never hold one lease. *Time*: a lease ends after about
    /// a minute, and the notice is due again. *Errors*: calling again is harmless. *Security*:
    /// handing out twice sends a notice twice, which is safe; losing one hides an attack. *Proof*:
    /// `tests/courier.rs`.
    async fn due(&self, now: Instant, limit: usize) -> Result<Vec<Notice>, StoreError>;

    /// Marks a notice as delivered, or as not deliverable at all.
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
    pub at: Instant,
    /// The account's language.
    pub language: Option<LanguageTag>,
    /// What ties it to the request.
    pub correlation: Option<CorrelationId>,
}

impl Notice {
    /// A notice to one address.
    #[must_use]
    pub fn new(id: NoticeId, tenant: TenantId, to: EmailAddress, at: Instant) -> Self {
        Self { at, correlation: None, id, language: None, tenant, to }
    }
}
