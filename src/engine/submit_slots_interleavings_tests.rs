//! Every interleaving of a few submits that take slots and give them back.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use super::*;
use crate::{
    domain::TenantId,
    sync::{Model, explore, with},
};

/// The slots, the number that is held as their holders count it, and the highest number at any
/// time.
struct Counted {
    slots: SubmitSlots,
    held: AtomicUsize,
    most: AtomicUsize,
}

impl Counted {
    fn new(in_all: usize) -> Arc<Self> {
        let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Self { held, most, slots: SubmitSlots::new(in_all) })
    }

    /// Takes a slot and gives it back. Returns whether there was one.
    fn submits(&self, tenant: &str) -> bool {
        let tag = TenantId::parse(tenant).unwrap().tag();
        let Some(slot) = self.slots.take(tag) else { return false };
        let held = self.held.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(held, Ordering::Relaxed);
        // Other threads run here. The slot is counted as gone before it is gone.
        drop(self.slots.lock());
        self.held.fetch_sub(1, Ordering::Relaxed);
        drop(slot);
        true
    }

    /// Returns the highest number of held slots, and whether all of them were given back.
    fn end(&self) -> (usize, bool) {
        let held = self.slots.lock();
        (self.most.load(Ordering::Relaxed), held.in_all == 0 && held.by_tenant.is_empty())
    }
}

/// Runs three submits of these tenants in every interleaving. Returns how many got a slot, the most
/// at once, and whether all were given back.
fn seen(in_all: usize, tenants: [&'static str; 3]) -> Vec<(usize, usize, bool)> {
    let seen = explore(move || {
        let slots = Counted::new(in_all);
        let submit = |tenant| with(&slots, move |slots| slots.submits(tenant));
        Model { threads: tenants.map(submit).into(), end: with(&slots, Counted::end) }
    });
    let mut seen: Vec<_> = seen
        .into_iter()
        .map(|(got, (most, over))| (got.into_iter().filter(|got| *got).count(), most, over))
        .collect();
    seen.sort_unstable();
    seen.dedup();
    seen
}

#[test]
fn no_more_places_are_held_than_there_are_and_all_are_given_back() {
    let seen = seen(2, ["contoso", "fabrikam", "tailspin"]);

    // A slot is held longer than it is counted, so a submit may be refused although only one is
    // counted.
    assert_eq!(seen, [(2, 1, true), (2, 2, true), (3, 1, true), (3, 2, true)]);
}

#[test]
fn a_tenant_never_holds_more_than_are_free() {
    let seen = seen(2, ["contoso", "contoso", "contoso"]);

    assert_eq!(seen, [(1, 1, true), (2, 1, true), (3, 1, true)]);
}
