//! The slots for submits under way. Their number is bounded, and tenants share them.

use std::{collections::HashMap, sync::PoisonError};

use crate::{
    domain::TenantTag,
    sync::{Mutex, MutexGuard},
};

/// The slots for submits under way.
///
/// A tenant may hold as many slots as are free. One tenant alone gets half of them, and two tenants
/// get a third each, so that some are left for others. Seven tenants that come at the same moment
/// can hold all 64. The shares even out as slots come back.
///
/// No submit waits here. A submit that gets no slot is told to try later.
#[derive(Debug)]
pub(super) struct SubmitSlots {
    in_all: usize,
    held: Mutex<Occupancy>,
}

#[derive(Debug, Default)]
struct Occupancy {
    by_tenant: HashMap<TenantTag, usize>,
    in_all: usize,
}

/// A slot for one submit. It is given back when dropped.
#[derive(Debug)]
#[must_use = "it is given back when dropped"]
pub(super) struct SubmitSlot<'a> {
    slots: &'a SubmitSlots,
    tenant: TenantTag,
}

impl SubmitSlots {
    /// The default number of slots. An [`Argon2Pool`](crate::ports::PasswordHasher) lets as many
    /// hashes wait by default, so that it refuses no submit that has a slot.
    pub(super) const DEFAULT: usize = 64;

    /// Creates this many slots, but at least one.
    pub(super) fn new(in_all: usize) -> Self {
        Self { held: Mutex::default(), in_all: in_all.max(1) }
    }

    /// Takes a slot. Returns `None` if the tenant holds at least as many as are free.
    pub(super) fn take(&self, tenant: TenantTag) -> Option<SubmitSlot<'_>> {
        let mut held = self.lock();
        let free = self.in_all.saturating_sub(held.in_all);
        let own = held.by_tenant.get(&tenant).copied().unwrap_or_default();
        if own >= free {
            return None;
        }
        held.by_tenant.insert(tenant, own + 1);
        held.in_all += 1;
        Some(SubmitSlot { slots: self, tenant })
    }

    fn lock(&self) -> MutexGuard<'_, Occupancy> {
        // A poisoned lock is safe, because every change is complete before anything can panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for SubmitSlot<'_> {
    fn drop(&mut self) {
        let mut held = self.slots.lock();
        held.in_all = held.in_all.saturating_sub(1);
        if let Some(own) = held.by_tenant.get_mut(&self.tenant) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                held.by_tenant.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::TenantId;

    fn tag(number: usize) -> TenantTag {
        TenantId::parse(&format!("tenant{number}")).unwrap().tag()
    }

    fn as_many_as_possible<'a>(slots: &'a SubmitSlots, tenant: usize) -> Vec<SubmitSlot<'a>> {
        std::iter::from_fn(|| slots.take(tag(tenant))).collect()
    }

    #[test]
    fn one_tenant_gets_half_and_the_next_half_of_the_rest() {
        let slots = SubmitSlots::new(64);

        let first = as_many_as_possible(&slots, 1);
        let second = as_many_as_possible(&slots, 2);

        assert_eq!((first.len(), second.len()), (32, 16));
    }

    #[test]
    fn tenants_that_come_and_go_end_with_equal_shares() {
        let slots = SubmitSlots::new(63);
        let mut held: Vec<_> = (0..2).map(|tenant| as_many_as_possible(&slots, tenant)).collect();

        // Each tenant in turn gives one slot back, and then both take as many as they can get.
        for _ in 0..200 {
            for tenant in 0..2 {
                held[tenant].pop();
                for other in [1 - tenant, tenant] {
                    held[other].extend(slots.take(tag(other)));
                }
            }
        }

        let held: Vec<_> = held.iter().map(Vec::len).collect();
        assert!(held.iter().all(|held| (20..=22).contains(held)), "a third each: {held:?}");
    }

    #[test]
    fn a_newcomer_finds_a_place_however_many_tenants_take_all_they_can() {
        let slots = SubmitSlots::new(64);
        let mut held = Vec::new();

        for tenant in 0..6 {
            let got = as_many_as_possible(&slots, tenant);
            assert!(!got.is_empty(), "tenant {tenant}");
            held.push(got);
        }
    }

    #[test]
    fn a_place_is_given_back_and_nothing_is_kept_in_mind() {
        let slots = SubmitSlots::new(2);
        let slot = slots.take(tag(1)).unwrap();
        assert!(slots.take(tag(1)).is_none());

        drop(slot);

        assert!(slots.take(tag(1)).is_some());
        assert!(slots.lock().by_tenant.is_empty());
    }

    #[test]
    fn there_is_at_least_one() {
        assert!(SubmitSlots::new(0).take(tag(1)).is_some());
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "submit_slots_interleavings_tests.rs"]
mod interleavings;
