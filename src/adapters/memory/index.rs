//! The index from the hashes of keys to the places of entries.

use std::num::NonZeroU32;

/// A place in a shard's list of entries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place(NonZeroU32);

/// The places by hash. It uses open addressing with eight bytes for each slot, and is at most three
/// quarters full.
///
/// Growing moves only these slots, never an entry. It is quick because it moves them from front to
/// back, in the order of their hashes.
#[derive(Debug, Default)]
pub(super) struct Index {
    /// The slots. There are none, or a power of two. No empty slot lies between the slot where a
    /// hash belongs and the one where it is.
    slots: Vec<Option<Slot>>,
    used: usize,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    hash: u32,
    place: Place,
}

impl Place {
    /// An upper bound on the entries of any shard.
    pub(super) const MOST: usize = 1 << 24;

    /// Returns the place with this number, or `None` beyond [`Place::MOST`].
    pub(super) fn new(number: usize) -> Option<Self> {
        let number = (number < Self::MOST).then_some(number)?;
        u32::try_from(number).ok()?.checked_add(1).and_then(NonZeroU32::new).map(Self)
    }

    pub(super) fn number(self) -> usize {
        wide(self.0.get() - 1)
    }
}

impl Index {
    /// Returns the place with this hash for which `is` returns true.
    pub(super) fn find(&self, hash: u32, is: impl Fn(Place) -> bool) -> Option<Place> {
        let found = |slot: &Slot| slot.hash == hash && is(slot.place);
        self.probe(hash, found).and_then(|at| self.at(at)).map(|slot| slot.place)
    }

    /// Adds a place that is not there yet.
    pub(super) fn insert(&mut self, hash: u32, place: Place) {
        if (self.used + 1) * 4 > self.slots.len() * 3 {
            let room = (self.slots.len() * 2).max(8);
            let old = std::mem::replace(&mut self.slots, vec![None; room]);
            old.into_iter().flatten().for_each(|slot| self.fill(slot));
        }
        self.fill(Slot { hash, place });
        self.used += 1;
    }

    /// Removes a place, and moves up the slots that it had displaced.
    pub(super) fn remove(&mut self, hash: u32, place: Place) {
        let Some(mut gap) = self.probe(hash, |slot| slot.place == place) else { return };
        let mut at = gap;
        loop {
            at = self.from(at + 1, 0);
            let Some(slot) = self.at(at) else { break };
            let home = self.home(slot.hash);
            if self.from(at, home) >= self.from(at, gap) {
                self.slots.swap(gap, at);
                gap = at;
            }
        }
        self.set(gap, None);
        self.used -= 1;
    }

    /// Returns the first slot for which `found` is true, searching from where the hash belongs.
    fn probe(&self, hash: u32, found: impl Fn(&Slot) -> bool) -> Option<usize> {
        let mut at = self.home(hash);
        while let Some(slot) = self.at(at) {
            if found(&slot) {
                return Some(at);
            }
            at = self.from(at + 1, 0);
        }
        None
    }

    fn fill(&mut self, slot: Slot) {
        let mut at = self.home(slot.hash);
        while self.at(at).is_some() {
            at = self.from(at + 1, 0);
        }
        self.set(at, Some(slot));
    }

    fn at(&self, at: usize) -> Option<Slot> {
        self.slots.get(at).copied().flatten()
    }

    fn set(&mut self, at: usize, slot: Option<Slot>) {
        if let Some(old) = self.slots.get_mut(at) {
            *old = slot;
        }
    }

    /// Returns the slot where a hash belongs, which its highest bits determine.
    fn home(&self, hash: u32) -> usize {
        let slots = u64::try_from(self.slots.len()).unwrap_or(0);
        usize::try_from((u64::from(hash) * slots) >> u32::BITS).unwrap_or(0)
    }

    /// Returns the number of slots from `start` to `at`, around the end.
    const fn from(&self, at: usize, start: usize) -> usize {
        at.wrapping_sub(start) & self.slots.len().wrapping_sub(1)
    }
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn find(index: &Index, hash: u32, number: usize) -> bool {
        index.find(hash, |place| place.number() == number).is_some()
    }

    #[test]
    fn a_slot_takes_eight_bytes() {
        assert_eq!(size_of::<Option<Slot>>(), 8);
    }

    #[test]
    fn places_of_one_hash_are_told_apart() {
        let mut index = Index::default();
        (0..20).for_each(|number| index.insert(7, Place::new(number).unwrap()));

        index.remove(7, Place::new(3).unwrap());

        assert!((0..20).all(|number| find(&index, 7, number) == (number != 3)));
    }

    #[test]
    fn what_was_inserted_and_not_removed_is_found_whatever_the_hashes() {
        let (mut index, mut model) = (Index::default(), BTreeMap::new());
        let mut random = 1_u32;
        for step in 0..20_000 {
            random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            // Few and neighbouring hashes, which also wrap around the end of the list.
            let (number, hash) = (step % 97, (random >> 24).wrapping_sub(128));
            let place = Place::new(number).unwrap();
            match model.remove(&number) {
                Some(hash) => index.remove(hash, place),
                None => {
                    index.insert(hash, place);
                    model.insert(number, hash);
                }
            }
            assert_eq!(index.used, model.len());
            assert!(model.iter().all(|(number, hash)| find(&index, *hash, *number)), "{step}");
        }
    }

    #[test]
    fn an_empty_one_finds_and_removes_nothing() {
        let mut index = Index::default();

        index.remove(1, Place::new(1).unwrap());

        assert!(!find(&index, 1, 1));
    }

    #[test]
    fn it_grows_when_it_would_be_more_than_three_quarters_full() {
        let mut index = Index::default();
        for (number, slots) in [(0, 8), (5, 8), (6, 16), (11, 16), (12, 32), (23, 32), (24, 64)] {
            while index.used <= number {
                index.insert(7, Place::new(index.used).unwrap());
            }
            assert_eq!(index.slots.len(), slots, "{number}");
        }
    }

    #[test]
    fn hashes_are_spread_over_all_slots_in_their_order() {
        let index = Index { slots: vec![None; 16], used: 0 };
        for (hash, slot) in [(0, 0), (1 << 28, 1), (u32::MAX / 2, 7), (1 << 31, 8), (u32::MAX, 15)]
        {
            assert_eq!(index.home(hash), slot, "{hash}");
        }
    }
}
