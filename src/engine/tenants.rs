//! What a process keeps in mind about tenants: their names by tag, and their wrong tries.

use std::{collections::HashMap, sync::PoisonError};

use crate::{
    domain::{Instant, TenantId, TenantTag},
    sync::Mutex,
};

/// Tenants this process has met. Bounded by the number of tenants that policies exist for.
#[derive(Debug, Default)]
pub(super) struct Tenants(Mutex<HashMap<TenantTag, Known>>);

#[derive(Debug)]
struct Known {
    tenant: TenantId,
    /// Wrong tries that are not yet charged to the tenant's counter.
    pending: u32,
    /// Until when new codes are longer.
    elevated_until: Option<Instant>,
}

impl Tenants {
    /// Takes note of a tenant that has a policy.
    pub(super) fn meet(&self, tenant: &TenantId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(tenant.tag()).or_insert_with(|| Known {
            elevated_until: None,
            pending: 0,
            tenant: tenant.clone(),
        });
    }

    /// The tenant of a tag, if this process has met it.
    pub(super) fn named(&self, tag: TenantTag) -> Option<TenantId> {
        self.with(tag, |known| known.tenant.clone())
    }

    /// Counts a wrong try.
    pub(super) fn wrong_try(&self, tag: TenantTag) {
        self.with(tag, |known| known.pending = known.pending.saturating_add(1));
    }

    /// What is not yet charged.
    pub(super) fn pending(&self) -> Vec<(TenantId, u32)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = known.values().filter(|known| known.pending > 0);
        busy.map(|known| (known.tenant.clone(), known.pending)).collect()
    }

    /// Takes note that so many wrong tries are charged, and compared with the threshold.
    pub(super) fn settled(&self, tag: TenantTag, tries: u32) {
        self.with(tag, |known| known.pending = known.pending.saturating_sub(tries));
    }

    /// Lengthens new codes of a tenant; answers whether it was not so before.
    pub(super) fn elevate(&self, tag: TenantTag, until: Instant, now: Instant) -> bool {
        let before = self.with(tag, |known| known.elevated_until.replace(until)).flatten();
        before.is_none_or(|before| before <= now)
    }

    /// Whether new codes of a tenant are longer, and short ones are not compared: its wrong tries
    /// have passed the threshold, or this process's own have that are not yet charged. Without the
    /// latter everything that is open could be tried before they are added up.
    pub(super) fn is_elevated(&self, tag: TenantTag, threshold: u32, now: Instant) -> bool {
        self.with(tag, |known| {
            known.pending >= threshold || known.elevated_until.is_some_and(|until| now < until)
        })
        .unwrap_or(false)
    }

    fn with<T>(&self, tag: TenantTag, act: impl FnOnce(&mut Known) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&tag).map(act)
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "tenants_interleavings_tests.rs"]
mod interleavings;
