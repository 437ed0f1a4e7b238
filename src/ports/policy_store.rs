//! Port: the store of policies that administrators change.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{PolicySource, StoreError};
use crate::{
    domain::{TenantId, Timestamp},
    policy::{DocumentError, TenantPolicy},
};

/// A store of the tenants' policies, with a record of each change.
///
/// It also supplies the policies that it has written, as a [`PolicySource`]. A change is in force at
/// once in this process, and within seconds in every other process on the same storage. A stored
/// policy that cannot be read is an error of its own tenant and affects no other tenant.
#[async_trait]
pub trait PolicyStore: PolicySource {
    /// Returns the tenants that have a policy, in the order of their names. It includes tenants whose
    /// stored policy cannot be read.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError>;

    /// Returns the policy of a tenant as it is stored now, with its version. Returns `None` if the
    /// tenant does not exist.
    ///
    /// # Errors
    /// [`StoreError`]. Its kind is [`Corrupt`](super::StoreErrorKind::Corrupt) if the stored policy
    /// cannot be read. [`PolicyStore::damaged`] then says more.
    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError>;

    /// Replaces the policy of a tenant and records the change.
    ///
    /// Both happen or nothing, and only if `expected` is still the stored version. The version of a
    /// tenant that does not exist yet is 0. Therefore two administrators never overwrite each other
    /// silently.
    ///
    /// The store writes only what it can read back, as [`TenantPolicy::to_text`] checks. A stored
    /// change is in force in this process even if the future is dropped before it answers. A stored
    /// policy that cannot be read is replaced like any other policy.
    ///
    /// # Errors
    /// [`StoreError`] with the kind [`Unknown`](super::StoreErrorKind::Unknown) if the change may have
    /// been made. With any other kind nothing has changed.
    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError>;

    /// Returns the latest changes of a tenant, the newest first. Leaves out records that cannot be
    /// read.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError>;

    /// Returns the fault of a stored policy that cannot be read, and a policy to repair it from.
    /// Returns `None` if the policy can be read or the tenant does not exist.
    ///
    /// Without this method the administrator's side cannot repair a policy.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn damaged(&self, _tenant: &TenantId) -> Result<Option<DamagedPolicy>, StoreError> {
        Ok(None)
    }

    /// Returns how many records [`PolicyStore::changes`] has left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn unreadable_changes(&self, _tenant: &TenantId) -> Result<usize, StoreError> {
        Ok(0)
    }
}

/// A stored policy that cannot be read.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct DamagedPolicy {
    /// The stored version, for [`PolicyStore::write`].
    pub version: u64,
    /// The fault of the stored policy.
    pub fault: DocumentError,
    /// A policy to repair it from.
    pub base: Arc<TenantPolicy>,
    /// The origin of that policy.
    pub origin: BaseOrigin,
}

/// The origin of the policy that repairs a damaged one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: a caller must handle each.
pub enum BaseOrigin {
    /// The last valid policy, which this process still supplies.
    InForce,
    /// The last valid policy in the record of changes.
    Recorded,
    /// The readable part of the damaged policy. The rest is off or at its default.
    Salvaged {
        /// Whether Email OTP could be read. If not, it is off and excludes nobody.
        email: bool,
    },
}

/// A policy with its version.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VersionedPolicy {
    /// The policy.
    pub policy: Arc<TenantPolicy>,
    /// The version, which changes with every write and is never 0.
    pub version: u64,
}

/// A change to make.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct PolicyChange {
    /// The time of the change.
    pub at: Timestamp,
    /// The administrator who made the change.
    pub who: String,
    /// The part of the policy that changes, for example `Email OTP`.
    pub what: String,
    /// The policy before the change, as [`TenantPolicy::to_json`] writes it. Null if there was none.
    pub before: Value,
    /// The policy after the change.
    pub after: Arc<TenantPolicy>,
}

/// A change that was made, for the audit.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct RecordedChange {
    /// The time of the change.
    pub at: Timestamp,
    /// The administrator who made the change.
    pub who: String,
    /// The part of the policy that has changed.
    pub what: String,
    /// The whole policy before the change. Null if there was none.
    pub before: Value,
    /// The whole policy after the change.
    pub after: Value,
}

/// The answer of [`PolicyStore::write`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: a caller must handle both.
pub enum Written {
    /// The change is in force.
    Written {
        /// The new version.
        version: u64,
    },
    /// The policy has another version. Nothing was written.
    Conflict {
        /// The stored version.
        version: u64,
    },
}

impl DamagedPolicy {
    /// Describes a damaged policy. The base is the policy in force, else the newest valid one in the
    /// record, else the readable part of the stored text.
    ///
    /// # Errors
    /// [`DocumentError`] if no policy can be made for such a tenant.
    pub fn new(
        tenant: &TenantId,
        (version, fault): (u64, DocumentError),
        in_force: Option<Arc<TenantPolicy>>,
        recorded: &[RecordedChange],
        text: &str,
    ) -> Result<Self, DocumentError> {
        if let Some(base) = in_force {
            return Ok(Self { base, fault, origin: BaseOrigin::InForce, version });
        }
        let good = recorded.iter().find_map(|change| {
            let policy = TenantPolicy::from_json(&change.after.to_string()).ok()?;
            (policy.tenant() == tenant).then_some(policy)
        });
        let (base, origin) = match good {
            Some(good) => (good, BaseOrigin::Recorded),
            None => {
                let (base, email) = TenantPolicy::salvaged(tenant, text)?;
                (base, BaseOrigin::Salvaged { email })
            }
        };
        Ok(Self { base: Arc::new(base), fault, origin, version })
    }
}

impl VersionedPolicy {
    /// Makes a policy with its version.
    #[must_use]
    pub const fn new(policy: Arc<TenantPolicy>, version: u64) -> Self {
        Self { policy, version }
    }
}

impl PolicyChange {
    /// Makes a change from one policy to another.
    #[must_use]
    pub fn new(
        at: Timestamp,
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

    /// Returns the change as a store records it.
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
    /// Makes a recorded change from the policies before and after.
    #[must_use]
    pub fn new(at: Timestamp, who: &str, what: &str, [before, after]: [Value; 2]) -> Self {
        Self { after, at, before, what: what.to_owned(), who: who.to_owned() }
    }
}

#[async_trait]
impl<T: PolicyStore + ?Sized> PolicyStore for Arc<T> {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        (**self).tenants().await
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        (**self).read(tenant).await
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        (**self).write(change, expected).await
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        (**self).changes(tenant, limit).await
    }

    async fn damaged(&self, tenant: &TenantId) -> Result<Option<DamagedPolicy>, StoreError> {
        (**self).damaged(tenant).await
    }

    async fn unreadable_changes(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        (**self).unreadable_changes(tenant).await
    }
}
