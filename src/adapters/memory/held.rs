//! The counters that one call holds. It decides about all of them before it writes any.

use super::{counters::Counter, shard::Shard, shards::Shards};
use crate::{
    domain::{Charge, CounterName, Over, Timestamp},
    sync::MutexGuard,
};

/// The locked shards of counters. They are locked in ascending order, so that no two calls wait for
/// each other.
pub(super) struct Held<'a> {
    all: &'a Shards<CounterName, Counter>,
    slots: Vec<Slot<'a>>,
    /// How often charges were planned.
    rounds: usize,
}

/// One counter of the call. The first one of each shard holds the lock.
struct Slot<'a> {
    shard: usize,
    guard: Option<MutexGuard<'a, Shard<CounterName, Counter>>>,
    name: CounterName,
    /// The counter as it would be after the call. It is written once everything is decided.
    planned: Option<Counter>,
    /// In which round it was planned.
    round: usize,
}

impl<'a> Held<'a> {
    /// Locks the shards of these counters.
    pub(super) fn lock<'n>(
        all: &'a Shards<CounterName, Counter>,
        names: impl Iterator<Item = &'n CounterName>,
    ) -> Self {
        let slot = |name: &CounterName| Slot {
            guard: None,
            name: *name,
            planned: None,
            round: 0,
            shard: all.index(name),
        };
        let mut slots: Vec<_> = names.map(slot).collect();
        slots.sort_unstable_by_key(|slot| slot.shard);
        let mut last = None;
        for slot in &mut slots {
            if last.replace(slot.shard) != Some(slot.shard) {
                slot.guard = all.lock(slot.shard);
            }
        }
        Self { all, rounds: 0, slots }
    }

    /// Plans these charges. If any counter is over, plans none of them and returns those that are
    /// over.
    pub(super) fn plan<'c>(
        &mut self,
        charges: impl Iterator<Item = &'c Charge>,
        now: Timestamp,
    ) -> Vec<Over> {
        self.rounds += 1;
        let (round, mut over) = (self.rounds, Vec::new());
        for charge in charges {
            let counter = self.shard(&charge.name).and_then(|shard| shard.get(&charge.name));
            match Counter::charged(counter, charge, now) {
                Ok(_) if charge.amount == 0 => {}
                Ok(counter) => {
                    let mut slots = self.slots.iter_mut();
                    let free =
                        |slot: &&mut Slot<'_>| slot.name == charge.name && slot.planned.is_none();
                    if let Some(slot) = slots.find(free) {
                        (slot.planned, slot.round) = (Some(counter), round);
                    }
                }
                Err(refused) => over.push(refused),
            }
        }
        if !over.is_empty() {
            let mine = |slot: &&mut Slot<'_>| slot.round == round;
            self.slots.iter_mut().filter(mine).for_each(|slot| slot.planned = None);
        }
        over
    }

    /// Returns true if there is room for the new counters of the plan.
    pub(super) fn has_room(&mut self, now: Timestamp) -> bool {
        let planned = self.slots.iter().filter(|slot| slot.planned.is_some()).count();
        let room = self.all.room().max(planned);
        (0..self.slots.len()).all(|at| {
            let Some(Slot { name, planned: Some(_), .. }) = self.slots.get(at) else { return true };
            let name = *name;
            self.shard(&name).is_some_and(|shard| {
                shard.get(&name).is_some() || {
                    // The names of one call may share a shard, so leave room for all of them. With
                    // room, nothing is removed: a clock that is ahead for a moment would otherwise
                    // remove counters whose records are still there.
                    if shard.len() + planned > room {
                        shard.sweep(now, planned);
                    }
                    shard.len() + planned <= room
                }
            })
        })
    }

    /// Writes what is planned.
    pub(super) fn write(&mut self) {
        for at in 0..self.slots.len() {
            let Some(Slot { name, planned: Some(counter), .. }) = self.slots.get(at) else {
                continue;
            };
            let (name, counter) = (*name, *counter);
            if let Some(shard) = self.shard(&name) {
                shard.put(name, |old| *old = counter);
            }
        }
    }

    pub(super) fn clear(&mut self, name: &CounterName, now: Timestamp) {
        if let Some(counter) = self.shard(name).and_then(|shard| shard.get_mut(name)) {
            counter.clear(now);
        }
    }

    fn shard(&mut self, name: &CounterName) -> Option<&mut Shard<CounterName, Counter>> {
        let index = self.all.index(name);
        let held = self.slots.iter_mut().find(|slot| slot.shard == index);
        held.and_then(|slot| slot.guard.as_deref_mut())
    }
}

#[cfg(test)]
mod tests {
    use core::time::Duration;

    use futures_util::FutureExt as _;

    use crate::{
        adapters::MemoryCodes,
        domain::{Charge, CounterName, Timestamp},
        ports::{CodeStore as _, StoreErrorKind},
        store::SWEEP_MARGIN,
    };

    const WINDOW: Duration = Duration::from_secs(60);

    /// Returns names whose counters share a shard, because the same bytes decide it.
    fn neighbours() -> Vec<CounterName> {
        let name = |number: u8| {
            let mut bytes = [number; CounterName::BYTES];
            bytes[CounterName::BYTES - 8..CounterName::BYTES - 4].fill(0);
            CounterName::from_bytes(bytes)
        };
        (1..9).map(name).collect()
    }

    fn charge(
        codes: &MemoryCodes,
        names: &[CounterName],
        now: Timestamp,
    ) -> Option<StoreErrorKind> {
        let charge = |name: &CounterName| Charge {
            amount: 1,
            limit: 9,
            name: *name,
            tier: 0,
            window: WINDOW,
        };
        let charges: Vec<Charge> = names.iter().map(charge).collect();
        codes.charge(&charges, now).now_or_never().unwrap().err().map(|error| error.kind())
    }

    #[test]
    fn a_full_shard_takes_new_counters_only_in_the_place_of_old_ones() {
        let codes = MemoryCodes::with_capacity(64, 128);
        let (names, now) = (neighbours(), Timestamp::from_micros(0));
        assert_eq!(charge(&codes, &names[..1], now), None);
        assert_eq!(charge(&codes, &names[1..2], now), None);
        assert_eq!(charge(&codes, &names[2..3], now), Some(StoreErrorKind::Full));
        assert_eq!(codes.usage().counters, 2);
        assert_eq!(charge(&codes, &names[..1], now), None, "one that is there needs no room");

        let later = now.after(WINDOW + SWEEP_MARGIN);
        assert_eq!(charge(&codes, &names[2..3], later), None);
        assert_eq!(codes.usage().counters, 2, "one old counter has gone");
    }

    #[test]
    fn where_there_is_room_no_counter_is_removed_however_late_it_seems() {
        let codes = MemoryCodes::with_capacity(64, 128);
        let (names, now) = (neighbours(), Timestamp::from_micros(0));
        assert_eq!(charge(&codes, &names[..1], now), None);
        let later = now.after(WINDOW + SWEEP_MARGIN);
        assert_eq!(charge(&codes, &names[1..2], later), None);
        assert_eq!(codes.usage().counters, 2);
    }

    #[test]
    fn the_counters_of_one_call_have_room_together() {
        let codes = MemoryCodes::with_capacity(64, 64);
        let (names, now) = (neighbours(), Timestamp::from_micros(0));
        assert_eq!(charge(&codes, &names[..4], now), None);
        assert_eq!(codes.usage().counters, 4);
        assert_eq!(charge(&codes, &names[4..6], now), Some(StoreErrorKind::Full));
    }
}
