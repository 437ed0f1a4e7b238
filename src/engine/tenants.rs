//! The facts that a process remembers about tenants: their names by tag, and their wrong tries.

use std::{collections::HashMap, sync::PoisonError};

use crate::{
    domain::{TenantId, TenantTag, Timestamp},
    sync::Mutex,
};

/// The tenants that this process has met. Their number is bounded by the number of policies.
#[derive(Debug, Default)]
pub(super) struct Tenants(Mutex<HashMap<TenantTag, Known>>);

#[derive(Debug)]
struct Known {
    tenant: TenantId,
    /// Wrong tries that are not yet charged to the tenant's counter.
    pending: u32,
    /// The time until which new codes are longer.
    elevated_until: Option<Timestamp>,
}

impl Tenants {
    /// Records a tenant that has a policy.
    pub(super) fn meet(&self, tenant: &TenantId) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.entry(tenant.tag()).or_insert_with(|| Known {
            elevated_until: None,
            pending: 0,
            tenant: tenant.clone(),
        });
    }

    /// Returns the tenant of a tag, if this process has met it.
    pub(super) fn named(&self, tag: TenantTag) -> Option<TenantId> {
        self.with(tag, |known| known.tenant.clone())
    }

    /// Counts a wrong try.
    pub(super) fn wrong_try(&self, tag: TenantTag) {
        self.with(tag, |known| known.pending = known.pending.saturating_add(1));
    }

    /// Returns the wrong tries that are not yet charged.
    pub(super) fn pending(&self) -> Vec<(TenantId, u32)> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let busy = known.values().filter(|known| known.pending > 0);
        busy.map(|known| (known.tenant.clone(), known.pending)).collect()
    }

    /// Records that this many wrong tries are charged and compared with the threshold.
    pub(super) fn settled(&self, tag: TenantTag, tries: u32) {
        self.with(tag, |known| known.pending = known.pending.saturating_sub(tries));
    }

    /// Makes new codes of a tenant longer until `until`. Returns whether they were short before.
    pub(super) fn elevate(&self, tag: TenantTag, until: Timestamp, now: Timestamp) -> bool {
        let before = self.with(tag, |known| known.elevated_until.replace(until)).flatten();
        before.is_none_or(|before| before <= now)
    }

    /// Returns true if new codes of a tenant are longer and short ones are not compared.
    ///
    /// That is so once the tenant's wrong tries, or the uncharged ones of this process, reach the
    /// threshold. Uncharged tries count, because otherwise every open code could be tried before
    /// they are added up.
    pub(super) fn is_elevated(&self, tag: TenantTag, threshold: u32, now: Timestamp) -> bool {
        self.with(tag, |known| {
            known.pending >= threshold || known.elevated_until.is_some_and(|until| now < until)
        })
        .unwrap_or(false)
    }

    fn with<T>(&self, tag: TenantTag, act: impl FnOnce(&mut Known) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(&tag).map(act)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    #[test]
    fn wrong_tries_count_until_they_are_settled() {
        let (tenants, contoso) = (Tenants::default(), TenantId::parse("contoso").unwrap());
        tenants.meet(&contoso);
        assert_eq!(tenants.pending(), []);
        assert!(!tenants.is_elevated(contoso.tag(), 1, at(0)));

        (0..3).for_each(|_| tenants.wrong_try(contoso.tag()));
        assert_eq!(tenants.pending(), [(contoso.clone(), 3)]);
        assert!(tenants.is_elevated(contoso.tag(), 3, at(0)));
        assert!(!tenants.is_elevated(contoso.tag(), 4, at(0)));

        tenants.settled(contoso.tag(), 2);
        assert_eq!(tenants.pending(), [(contoso.clone(), 1)]);
        tenants.settled(contoso.tag(), 1);
        assert_eq!(tenants.pending(), []);
    }

    #[test]
    fn codes_are_longer_until_the_window_ends_and_that_is_told_once() {
        let (tenants, contoso) = (Tenants::default(), TenantId::parse("contoso").unwrap());
        tenants.meet(&contoso);

        assert!(tenants.elevate(contoso.tag(), at(10), at(0)));
        assert!(!tenants.elevate(contoso.tag(), at(20), at(9)), "it was so already");
        assert!(tenants.is_elevated(contoso.tag(), u32::MAX, at(19)));
        assert!(!tenants.is_elevated(contoso.tag(), u32::MAX, at(20)));
        assert!(tenants.elevate(contoso.tag(), at(30), at(20)), "anew");
    }

    #[test]
    fn of_a_tenant_that_was_never_met_nothing_is_kept() {
        let (tenants, contoso) = (Tenants::default(), TenantId::parse("contoso").unwrap());
        tenants.wrong_try(contoso.tag());

        assert_eq!((tenants.pending(), tenants.named(contoso.tag())), (Vec::new(), None));
        assert!(!tenants.is_elevated(contoso.tag(), 0, at(0)));
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "tenants_interleavings_tests.rs"]
mod interleavings;
