//! Port: policies that an administrator changes.

use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

use super::{PolicySource, StoreError};
use crate::{
    domain::{TenantId, Timestamp},
    policy::{DocumentError, TenantPolicy},
};

/// Keeps the tenants' policies, with who changed what.
///
/// What it has written it also supplies, as [`PolicySource`]: at once in this process, and within
/// seconds in every other one that shares the storage. One tenant's data never stops another
/// tenant: a stored policy that cannot be read is an error of that tenant alone.
#[async_trait]
pub trait PolicyStore: PolicySource {
    /// The tenants that have a policy, in the order of their names; also those whose stored policy
    /// cannot be read.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError>;

    /// A tenant's policy as it is stored now, with its version; `None` if there is no such tenant.
    ///
    /// # Errors
    /// [`StoreError`]; its kind is [`Corrupt`](super::StoreErrorKind::Corrupt) if the stored policy
    /// cannot be read, and [`PolicyStore::damaged`] then says more.
    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError>;

    /// Replaces a tenant's policy and records the change.
    ///
    /// *Atomicity*: both happen, or neither; and only if `expected` is still the stored version
    /// (0: there is no such tenant yet). *Security*: two administrators never overwrite each other
    /// silently. *Read back*: the store reads what it is about to write with the reader that will
    /// read it, [`TenantPolicy::to_text`] does that, and writes nothing that it could not read.
    /// *Cancellation*: a change that was stored is in force in this process even if the future is
    /// dropped before it answers. A stored policy that cannot be read is replaced like any other.
    ///
    /// # Errors
    /// [`StoreError`]; nothing is changed, unless its kind says that this is unknown.
    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError>;

    /// The latest changes of a tenant, the newest first. Records that cannot be read are left out.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError>;

    /// What is wrong with a stored policy that [`PolicyStore::read`] cannot read, and what to
    /// repair it from; `None` if it can be read or there is no such tenant.
    ///
    /// A store that does not override it cannot be repaired through the administrator's side.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn damaged(&self, _tenant: &TenantId) -> Result<Option<DamagedPolicy>, StoreError> {
        Ok(None)
    }

    /// How many records [`PolicyStore::changes`] had to leave out.
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
    /// Its version, for [`PolicyStore::write`].
    pub version: u64,
    /// What is wrong with it.
    pub fault: DocumentError,
    /// A policy to repair it from.
    pub base: Arc<TenantPolicy>,
    /// Where that policy comes from.
    pub origin: BaseOrigin,
}

/// Where the policy comes from that a damaged one is repaired from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: a caller must handle each.
pub enum BaseOrigin {
    /// It is the last good one, which this process still supplies.
    InForce,
    /// It is the last good one that was recorded.
    Recorded,
    /// It is as much of the damaged one as could be read; the rest is off or at its default.
    Salvaged {
        /// Whether Email OTP could be read. If not, the base has it off and excludes nobody.
        email: bool,
    },
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
    pub at: Timestamp,
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
    pub at: Timestamp,
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

impl DamagedPolicy {
    /// A damaged policy. The base is what is in force, else the newest good one that was recorded,
    /// else what can be read of the stored text.
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
