//! Policies held in memory.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock, RwLockWriteGuard},
};

use async_trait::async_trait;

use crate::{
    domain::TenantId,
    policy::TenantPolicy,
    ports::{
        PolicyChange, PolicyError, PolicySource, PolicyStore, RecordedChange, StoreError,
        VersionedPolicy, Written,
    },
};

/// Changes that are remembered.
const MOST_CHANGES: usize = 1_000;

/// Policies that the host sets itself, or an administrator. Clones share them. Nothing outlives the
/// process.
#[derive(Clone, Debug, Default)]
pub struct Policies(Arc<RwLock<State>>);

#[derive(Debug, Default)]
struct State {
    policies: HashMap<TenantId, VersionedPolicy>,
    /// The newest last.
    changes: Vec<(TenantId, RecordedChange)>,
}

impl Policies {
    /// One tenant.
    #[must_use]
    pub fn fixed(policy: TenantPolicy) -> Self {
        Self::of([policy])
    }

    /// Several tenants.
    #[must_use]
    pub fn of(policies: impl IntoIterator<Item = TenantPolicy>) -> Self {
        let all = Self::default();
        policies.into_iter().for_each(|policy| all.replace(policy));
        all
    }

    /// Adds a tenant, or replaces its policy: in force from the next step of every reset.
    pub fn replace(&self, policy: TenantPolicy) {
        let mut state = self.lock();
        let version = state.policies.get(policy.tenant()).map_or(0, |current| current.version);
        let tenant = policy.tenant().clone();
        let next = VersionedPolicy::new(Arc::new(policy), version.saturating_add(1));
        state.policies.insert(tenant, next);
    }

    /// Puts in what another store has, under that store's version.
    #[cfg(feature = "sqlite")]
    pub(super) fn adopt(&self, policy: VersionedPolicy) {
        self.lock().policies.insert(policy.policy.tenant().clone(), policy);
    }

    /// The version that is supplied.
    #[cfg(feature = "sqlite")]
    pub(super) fn version(&self, tenant: &TenantId) -> Option<u64> {
        self.versioned(tenant).map(|current| current.version)
    }

    /// The tenants that have a policy.
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

impl PolicySource for Policies {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        Ok(self.versioned(tenant).map(|current| current.policy))
    }
}

#[async_trait]
impl PolicyStore for Policies {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(Self::tenants(self))
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        Ok(self.versioned(tenant))
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        let mut state = self.lock();
        let tenant = change.after.tenant().clone();
        let version = state.policies.get(&tenant).map_or(0, |current| current.version);
        if version != expected {
            return Ok(Written::Conflict { version });
        }
        let version = version.saturating_add(1);
        let next = VersionedPolicy::new(change.after.clone(), version);
        state.policies.insert(tenant.clone(), next);
        if state.changes.len() == MOST_CHANGES {
            state.changes.remove(0);
        }
        state.changes.push((tenant, change.record()));
        Ok(Written::Written { version })
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let state = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = state.changes.iter().rev().filter(|(of, _)| of == tenant);
        Ok(own.take(limit).map(|(_, change)| change.clone()).collect())
    }
}
