//! Submits under way: bounded, and shared out among tenants.

use std::{collections::HashMap, sync::PoisonError};

use crate::{
    domain::TenantTag,
    sync::{Mutex, MutexGuard},
};

/// Places for submits under way.
///
/// A tenant may hold as many as are free: one alone gets half of them, two end with a third each,
/// and some are left for who comes next. (Seven tenants that come in one moment can hold all 64;
/// they even out as places come back.) Nothing waits here; who gets no place is told to try later.
#[derive(Debug)]
pub(super) struct Places {
    in_all: usize,
    held: Mutex<Held>,
}

#[derive(Debug, Default)]
struct Held {
    by_tenant: HashMap<TenantTag, usize>,
    in_all: usize,
}

/// A place for one submit, given back when dropped.
#[derive(Debug)]
#[must_use = "it is given back when dropped"]
pub(super) struct Place<'a> {
    places: &'a Places,
    tenant: TenantTag,
}

impl Places {
    /// As many as an [`Argon2Pool`](crate::ports::PasswordHasher) lets wait by default: a submit
    /// that has a place is not refused by the hasher.
    pub(super) const DEFAULT: usize = 64;

    /// So many places, at least one.
    pub(super) fn new(in_all: usize) -> Self {
        Self { held: Mutex::default(), in_all: in_all.max(1) }
    }

    /// Takes a place; `None` if the tenant holds as many as are free.
    pub(super) fn take(&self, tenant: TenantTag) -> Option<Place<'_>> {
        let mut held = self.lock();
        let free = self.in_all.saturating_sub(held.in_all);
        let own = held.by_tenant.get(&tenant).copied().unwrap_or_default();
        if own >= free {
            return None;
        }
        held.by_tenant.insert(tenant, own + 1);
        held.in_all += 1;
        Some(Place { places: self, tenant })
    }

    fn lock(&self) -> MutexGuard<'_, Held> {
        // Every change is complete before anything can panic.
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut held = self.places.lock();
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

    fn as_many_as_possible<'a>(places: &'a Places, tenant: usize) -> Vec<Place<'a>> {
        std::iter::from_fn(|| places.take(tag(tenant))).collect()
    }

    #[test]
    fn one_tenant_gets_half_and_the_next_half_of_the_rest() {
        let places = Places::new(64);

        let first = as_many_as_possible(&places, 1);
        let second = as_many_as_possible(&places, 2);

        assert_eq!((first.len(), second.len()), (32, 16));
    }

    #[test]
    fn tenants_that_come_and_go_end_with_equal_shares() {
        let places = Places::new(63);
        let mut held: Vec<_> = (0..2).map(|tenant| as_many_as_possible(&places, tenant)).collect();

        // Each in turn gives one back; then both try for as many as they can get.
        for _ in 0..200 {
            for tenant in 0..2 {
                held[tenant].pop();
                for other in [1 - tenant, tenant] {
                    held[other].extend(places.take(tag(other)));
                }
            }
        }

        let held: Vec<_> = held.iter().map(Vec::len).collect();
        assert!(held.iter().all(|held| (20..=22).contains(held)), "a third each: {held:?}");
    }

    #[test]
    fn a_newcomer_finds_a_place_however_many_tenants_take_all_they_can() {
        let places = Places::new(64);
        let mut held = Vec::new();

        for tenant in 0..6 {
            let got = as_many_as_possible(&places, tenant);
            assert!(!got.is_empty(), "tenant {tenant}");
            held.push(got);
        }
    }

    #[test]
    fn a_place_is_given_back_and_nothing_is_kept_in_mind() {
        let places = Places::new(2);
        let place = places.take(tag(1)).unwrap();
        assert!(places.take(tag(1)).is_none());

        drop(place);

        assert!(places.take(tag(1)).is_some());
        assert!(places.lock().by_tenant.is_empty());
    }

    #[test]
    fn there_is_at_least_one() {
        assert!(Places::new(0).take(tag(1)).is_some());
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "places_interleavings_tests.rs"]
mod interleavings;
