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
    shards: Vec<(usize, Option<Guard<'a>>)>,
}

type Guard<'a> = MutexGuard<'a, Shard<CounterName, Counter>>;

/// The counters as they would be after a call. They are written once everything is decided.
pub(super) type Plan = Vec<(CounterName, Counter)>;

impl<'a> Held<'a> {
    /// Locks the shards of these counters.
    pub(super) fn lock<'n>(
        all: &'a Shards<CounterName, Counter>,
        names: impl Iterator<Item = &'n CounterName>,
    ) -> Self {
        let mut shards: Vec<_> = names.map(|name| (all.index(name), None)).collect();
        shards.sort_unstable_by_key(|(index, _)| *index);
        shards.dedup_by_key(|(index, _)| *index);
        for (index, guard) in &mut shards {
            *guard = all.lock(*index);
        }
        Self { all, shards }
    }

    /// Adds the charged counters to `plan`. If any counter is over, adds nothing and returns those
    /// that are over.
    pub(super) fn plan<'c>(
        &mut self,
        charges: impl Iterator<Item = &'c Charge>,
        now: Timestamp,
        plan: &mut Plan,
    ) -> Vec<Over> {
        let (before, mut over) = (plan.len(), Vec::new());
        for charge in charges {
            let counter = self.shard(&charge.name).and_then(|shard| shard.get(&charge.name));
            match Counter::charged(counter, charge, now) {
                Ok(_) if charge.amount == 0 => {}
                Ok(counter) => plan.push((charge.name, counter)),
                Err(refused) => over.push(refused),
            }
        }
        if !over.is_empty() {
            plan.truncate(before);
        }
        over
    }

    /// Returns true if there is room for the new counters of a plan.
    pub(super) fn has_room(&mut self, plan: &Plan, now: Timestamp) -> bool {
        let room = self.all.room().max(plan.len());
        plan.iter().all(|(name, _)| {
            self.shard(name).is_some_and(|shard| {
                shard.get(name).is_some() || {
                    // The names of one call may share a shard, so leave room for all of them. With
                    // room, nothing is removed: a clock that is ahead for a moment would otherwise
                    // remove counters whose records are still there.
                    if shard.len() + plan.len() > room {
                        shard.sweep(now, plan.len());
                    }
                    shard.len() + plan.len() <= room
                }
            })
        })
    }

    pub(super) fn write(&mut self, plan: Plan) {
        for (name, counter) in plan {
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
        let held = self.shards.iter_mut().find(|(held, _)| *held == index);
        held.and_then(|(_, shard)| shard.as_deref_mut())
    }
}
