//! Policies held in memory.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    domain::TenantId,
    policy::TenantPolicy,
    ports::{PolicyError, PolicySource},
};

/// Policies that the host sets itself. Clones share them.
#[derive(Clone, Debug, Default)]
pub struct Policies(Arc<RwLock<HashMap<TenantId, Arc<TenantPolicy>>>>);

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
        let mut policies = self.0.write().unwrap_or_else(PoisonError::into_inner);
        policies.insert(policy.tenant().clone(), Arc::new(policy));
    }

    /// The tenants that have a policy.
    #[must_use]
    pub fn tenants(&self) -> Vec<TenantId> {
        let policies = self.0.read().unwrap_or_else(PoisonError::into_inner);
        policies.keys().cloned().collect()
    }
}

impl PolicySource for Policies {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        let policies = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Ok(policies.get(tenant).cloned())
    }
}
