//! Policies held in memory.

use core::fmt;
use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
};

use async_trait::async_trait;
use thiserror::Error;

use crate::{
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{
        PolicyChange, PolicyError, PolicySource, PolicyStore, RecordedChange, StoreError,
        StoreErrorKind, VersionedPolicy, Written,
    },
};

/// The number of changes that are remembered for each tenant.
pub(super) const MOST_CHANGES: usize = 1_000;

/// A fault of a stored policy that cannot be read, or of another entry among the policies.
///
/// `Display` prints one line for logs with the tenant, the place and the rule. It never prints a
/// value of the policy.
#[derive(Clone, Error, PartialEq, Eq)]
#[error("{}{message}", Of(tenant.as_ref()))]
#[non_exhaustive]
pub struct PolicyFault {
    /// The tenant, if it is known. Its last good policy stays in force. If this process has no good
    /// policy, no user of this tenant can reset a password.
    pub tenant: Option<TenantId>,
    /// The fault and its place.
    pub message: String,
}

debug_is_text!(PolicyFault);

/// The tenant of a fault, shown before its message.
struct Of<'a>(Option<&'a TenantId>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |tenant| write!(f, "tenant {tenant}: "))
    }
}

/// Policies that the host or an administrator sets. Clones share the policies, which end with the
/// process.
#[derive(Clone, Debug, Default)]
pub struct MemoryPolicies(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    policies: HashMap<TenantId, VersionedPolicy>,
    /// The changes of each tenant, with the newest last.
    changes: HashMap<TenantId, VecDeque<RecordedChange>>,
}

impl MemoryPolicies {
    /// Creates policies for one tenant.
    #[must_use]
    pub fn fixed(policy: TenantPolicy) -> Self {
        Self::from_iter([policy])
    }

    /// Adds a tenant or replaces its policy. The policy applies from the next step of every reset.
    pub fn replace(&self, policy: TenantPolicy) {
        let mut state = self.lock();
        let version = state.policies.get(policy.tenant()).map_or(0, |current| current.version);
        let tenant = policy.tenant().clone();
        let next = VersionedPolicy::new(Arc::new(policy), version.saturating_add(1));
        state.policies.insert(tenant, next);
    }

    /// Takes over a policy from another store, under that store's version.
    pub(super) fn adopt(&self, policy: VersionedPolicy) {
        self.lock().policies.insert(policy.policy.tenant().clone(), policy);
    }

    /// Returns the tenants that have a policy.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let mut tenants: Vec<TenantId> = state.policies.keys().cloned().collect();
        tenants.sort_unstable();
        tenants
    }

    fn versioned(&self, tenant: &TenantId) -> Option<VersionedPolicy> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        state.policies.get(tenant).cloned()
    }

    fn lock(&self) -> RwLockWriteGuard<'_, State> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FromIterator<TenantPolicy> for MemoryPolicies {
    fn from_iter<I: IntoIterator<Item = TenantPolicy>>(policies: I) -> Self {
        let all = Self::default();
        policies.into_iter().for_each(|policy| all.replace(policy));
        all
    }
}

impl PolicySource for MemoryPolicies {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        Ok(self.versioned(tenant).map(|current| current.policy))
    }
}

#[async_trait]
impl PolicyStore for MemoryPolicies {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(Self::tenants(self))
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        Ok(self.versioned(tenant))
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        // A policy that one store refuses must be refused by every store.
        change.after.to_text().map_err(refused)?;
        let mut state = self.lock();
        let tenant = change.after.tenant().clone();
        let version = state.policies.get(&tenant).map_or(0, |current| current.version);
        if version != expected {
            return Ok(Written::Conflict { version });
        }
        let version = version.saturating_add(1);
        let next = VersionedPolicy::new(change.after.clone(), version);
        state.policies.insert(tenant.clone(), next);
        let changes = state.changes.entry(tenant).or_default();
        if changes.len() == MOST_CHANGES {
            changes.pop_front();
        }
        changes.push_back(change.record());
        Ok(Written::Written { version })
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = state.changes.get(tenant).into_iter().flatten();
        Ok(own.rev().take(limit).cloned().collect())
    }
}

/// Returns the error of a write that could not be read back.
pub(super) fn refused(error: DocumentError) -> StoreError {
    let message = format!("policies: nothing was stored: {error}");
    StoreError::new(StoreErrorKind::Refused, message).with_source(error)
}

/// Returns the error of a stored policy that cannot be read.
pub(super) fn corrupt(error: DocumentError) -> StoreError {
    let message = format!("policies: a stored policy cannot be read: {error}; put it right");
    StoreError::new(StoreErrorKind::Corrupt, message).with_source(error)
}

/// Reads the stored policy of a tenant.
#[cfg(feature = "sqlite")]
pub(super) fn read_stored(tenant: &TenantId, bytes: &[u8]) -> Result<TenantPolicy, DocumentError> {
    let text = core::str::from_utf8(bytes).map_err(|_| DocumentError::new("$", "is not UTF-8"))?;
    let policy = TenantPolicy::from_json(text)?;
    if policy.tenant() != tenant {
        return Err(DocumentError::new("$.tenant", "is not the tenant that it is stored for"));
    }
    Ok(policy)
}
