//! Port: policies that an administrator changes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{PolicySource, StoreError};
use crate::{
    domain::{Instant, TenantId},
    policy::TenantPolicy,
};

/// Keeps the tenants' policies, with who changed what.
///
/// What it has written it also supplies, as [`PolicySource`]: at once in this process, and within
/// seconds in every other one that shares the storage.
#[async_trait]
pub trait PolicyStore: PolicySource {
    /// The tenants that have a policy, in the order of their names.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError>;

    /// A tenant's policy as it is stored now, with its version; `None` if there is no such tenant.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError>;

    /// Replaces a tenant's policy and records the change.
    ///
    /// *Atomicity*: both happen, or neither; and only if `expected` is still the stored version
    /// (0: there is no such tenant yet). *Security*: two administrators never overwrite each other
    /// silently.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed, unless its kind says that this is unknown.
    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError>;

    /// The latest changes of a tenant, the newest first.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError>;
}

/// A policy, and which version of it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VersionedPolicy {
    /// The policy.
    pub policy: Arc<TenantPolicy>,
    /// Changes with every write; never 0.
    pub version: u64,
}

/// A change to be made.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyChange {
    /// When.
    pub at: Instant,
    /// Which administrator.
    pub who: String,
    /// What was changed, for instance `Email OTP`.
    pub what: String,
    /// What was in force before, as [`TenantPolicy::to_json`] writes it; null if there was none.
    pub before: Value,
    /// What shall be in force.
    pub after: Arc<TenantPolicy>,
}

/// A change that was made, for audit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedChange {
    /// When.
    pub at: Instant,
    /// Which administrator.
    pub who: String,
    /// What was changed.
    pub what: String,
    /// The whole policy before; null if there was none.
    pub before: Value,
    /// The whole policy after.
    pub after: Value,
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: a caller must handle both.
pub enum Written {
    /// It is in force.
    Written {
        /// The new version.
        version: u64,
    },
    /// Somebody else has changed it since; nothing was written.
    Conflict {
        /// The stored version.
        version: u64,
    },
}

impl VersionedPolicy {
    /// A policy of that version.
    #[must_use]
    pub const fn new(policy: Arc<TenantPolicy>, version: u64) -> Self {
        Self { policy, version }
    }
}

impl PolicyChange {
    /// A change from one policy to another.
    #[must_use]
    pub fn new(
        at: Instant,
        who: &str,
        what: &str,
        before: Option<&TenantPolicy>,
        after: TenantPolicy,
    ) -> Self {
        Self {
            after: Arc::new(after),
            at,
            before: before.map_or(Value::Null, TenantPolicy::to_json),
            what: what.to_owned(),
            who: who.to_owned(),
        }
    }

    /// The change as it is recorded.
    #[must_use]
    pub fn record(&self) -> RecordedChange {
        RecordedChange::new(
            self.at,
            &self.who,
            &self.what,
            [self.before.clone(), self.after.to_json()],
        )
    }
}

impl RecordedChange {
    /// A change as a store has recorded it: the policy before and after.
    #[must_use]
    pub fn new(at: Instant, who: &str, what: &str, [before, after]: [Value; 2]) -> Self {
        Self { after, at, before, what: what.to_owned(), who: who.to_owned() }
    }
}
