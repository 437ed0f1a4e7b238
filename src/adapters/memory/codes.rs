//! The code store in memory: sharded, bounded, never evicting.

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;

use super::{
    counters::Counter,
    shard::{Ends, Shard},
};
use crate::{
    domain::{Charge, CounterName, Instant, Over, RecordId},
    ports::{Attempted, CodeStore, Inserted, Loaded, Record, StoreError, StoreErrorKind, Swapped},
};

const SHARDS: usize = 64;
/// Dead entries removed with each insert, so that room comes back without a sweep.
const SWEPT_BY_THE_WAY: usize = 2;

/// Keeps records and counters in memory.
///
/// Bounded: full, it refuses; it never evicts what is alive. Expiry costs the same however many
/// entries there are.
#[derive(Debug)]
pub struct MemoryCodes {
    records: Vec<Mutex<Shard<RecordId, Kept>>>,
    counters: Vec<Mutex<Shard<CounterName, Counter>>>,
    records_per_shard: usize,
    counters_per_shard: usize,
}

/// How many entries a [`MemoryCodes`] holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// Records, dead ones included until they are swept.
    pub records: usize,
    /// Counters, ended ones included until they are swept.
    pub counters: usize,
}

#[derive(Debug)]
struct Kept {
    version: u64,
    expires_at: Instant,
    touched_at: Instant,
    tries: u32,
    tries_limit: u32,
    charges: Vec<Charge>,
    body: Vec<u8>,
}

/// Counter shards that one call holds, in ascending order of index: no two calls wait for each
/// other in a circle.
struct Held<'a> {
    shards: Vec<(usize, MutexGuard<'a, Shard<CounterName, Counter>>)>,
    room: usize,
}

/// Counters as they would be after a call; written when everything is decided.
type Plan = Vec<(CounterName, Counter)>;

impl MemoryCodes {
    /// Room for a million records and four million counters.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(1_000_000, 4_000_000)
    }

    /// Room for so many records and counters, spread evenly over shards.
    #[must_use]
    pub fn with_capacity(records: usize, counters: usize) -> Self {
        Self {
            counters: (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect(),
            counters_per_shard: counters.div_ceil(SHARDS),
            records: (0..SHARDS).map(|_| Mutex::new(Shard::new())).collect(),
            records_per_shard: records.div_ceil(SHARDS),
        }
    }

    /// How many entries it holds now.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage {
            counters: self.counters.iter().map(|shard| lock(shard).len()).sum(),
            records: self.records.iter().map(|shard| lock(shard).len()).sum(),
        }
    }

    fn record_shard(&self, id: &RecordId) -> Option<MutexGuard<'_, Shard<RecordId, Kept>>> {
        self.records.get(index(id.as_bytes())).map(lock)
    }

    fn hold<'n>(&self, names: impl Iterator<Item = &'n CounterName>) -> Held<'_> {
        let mut indexes: Vec<usize> = names.map(|name| index(name.as_bytes())).collect();
        indexes.sort_unstable();
        indexes.dedup();
        let guard = |index| self.counters.get(index).map(|shard| (index, lock(shard)));
        Held {
            room: self.counters_per_shard,
            shards: indexes.into_iter().filter_map(guard).collect(),
        }
    }
}

impl Default for MemoryCodes {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl CodeStore for MemoryCodes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Instant,
    ) -> Result<Inserted, StoreError> {
        let Some(mut shard) = self.record_shard(&record.id) else { return Ok(Inserted::Full) };
        if shard.get(&record.id).is_some() {
            return Ok(Inserted::Exists);
        }
        shard.sweep(now, SWEPT_BY_THE_WAY);
        if shard.len() >= self.records_per_shard {
            return Ok(Inserted::Full);
        }
        let mut held = self.hold(charges.iter().map(|charge| &charge.name));
        let plan = match held.plan(charges, now) {
            Ok(plan) => plan,
            Err(over) => return Ok(Inserted::Refused(over)),
        };
        if !held.has_room(&plan, now) {
            return Ok(Inserted::Full);
        }
        held.write(plan);
        shard.put(
            record.id,
            Kept {
                body: record.body.clone(),
                charges: record.charges.clone(),
                expires_at: record.expires_at,
                touched_at: now,
                tries: 0,
                tries_limit: record.tries_limit,
                version: 1,
            },
        );
        Ok(Inserted::Inserted)
    }

    async fn attempt(&self, id: &RecordId, now: Instant) -> Result<Attempted, StoreError> {
        let Some(mut shard) = self.record_shard(id) else { return Ok(Attempted::Missing) };
        let Some(kept) = shard.get_mut(id) else { return Ok(Attempted::Missing) };
        let at = now.latest(kept.touched_at);
        if at >= kept.expires_at {
            return Ok(Attempted::Dead);
        }
        if kept.tries >= kept.tries_limit {
            kept.tries = kept.tries_limit.saturating_add(1);
            kept.touched_at = at;
            return Ok(Attempted::Exhausted);
        }
        let mut held = self.hold(kept.charges.iter().map(|charge| &charge.name));
        let mut tiers: Vec<u8> = kept.charges.iter().map(|charge| charge.tier).collect();
        tiers.sort_unstable();
        tiers.dedup();
        let (mut plans, mut over) = (Vec::new(), Vec::new());
        for tier in tiers {
            let of_tier = |charge: &&Charge| charge.tier == tier;
            let charges: Vec<Charge> = kept.charges.iter().filter(of_tier).copied().collect();
            match held.plan(&charges, now) {
                Ok(plan) => plans.extend(plan),
                Err(refused) => {
                    over = refused;
                    break;
                }
            }
        }
        if !held.has_room(&plans, now) {
            return Err(full());
        }
        held.write(plans);
        kept.tries += 1;
        kept.touched_at = at;
        Ok(Attempted::Charged { over, record: kept.loaded() })
    }

    async fn load(&self, id: &RecordId) -> Result<Option<Loaded>, StoreError> {
        let shard = self.record_shard(id);
        Ok(shard.and_then(|shard| shard.get(id).map(Kept::loaded)))
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Instant,
    ) -> Result<Swapped, StoreError> {
        let Some(mut shard) = self.record_shard(&next.id) else { return Ok(Swapped::Missing) };
        let Some(kept) = shard.get_mut(&next.id) else { return Ok(Swapped::Missing) };
        if kept.version != expected {
            return Ok(Swapped::Conflict { version: kept.version });
        }
        let mut held = self.hold(charges.iter().map(|charge| &charge.name).chain(clear));
        let plan = match held.plan(charges, now) {
            Ok(plan) => plan,
            Err(over) => return Ok(Swapped::Refused(over)),
        };
        if !held.has_room(&plan, now) {
            return Err(full());
        }
        held.write(plan);
        for name in clear {
            if let Some(counter) = held.shard(name).and_then(|shard| shard.get_mut(name)) {
                counter.clear(now);
            }
        }
        *kept = Kept {
            body: next.body.clone(),
            charges: next.charges.clone(),
            expires_at: next.expires_at,
            touched_at: now.latest(kept.touched_at),
            tries: if next.begins_challenge { 0 } else { kept.tries },
            tries_limit: next.tries_limit,
            version: expected + 1,
        };
        Ok(Swapped::Swapped { version: kept.version })
    }

    async fn charge(&self, charges: &[Charge], now: Instant) -> Result<Vec<Over>, StoreError> {
        let mut held = self.hold(charges.iter().map(|charge| &charge.name));
        let plan = match held.plan(charges, now) {
            Ok(plan) => plan,
            Err(over) => return Ok(over),
        };
        if !held.has_room(&plan, now) {
            return Err(full());
        }
        held.write(plan);
        Ok(Vec::new())
    }

    async fn delete_expired(&self, now: Instant, limit: usize) -> Result<usize, StoreError> {
        let mut removed = 0;
        for shard in &self.records {
            removed += lock(shard).sweep(now, limit.saturating_sub(removed));
        }
        for shard in &self.counters {
            removed += lock(shard).sweep(now, limit.saturating_sub(removed));
        }
        Ok(removed)
    }
}

impl Kept {
    fn loaded(&self) -> Loaded {
        Loaded {
            body: self.body.clone(),
            expires_at: self.expires_at,
            touched_at: self.touched_at,
            tries: self.tries,
            version: self.version,
        }
    }
}

impl Ends for Kept {
    fn end(&self) -> Instant {
        self.expires_at.latest(self.touched_at)
    }
}

impl Held<'_> {
    fn shard(&mut self, name: &CounterName) -> Option<&mut Shard<CounterName, Counter>> {
        let index = index(name.as_bytes());
        let held = self.shards.iter_mut().find(|(held, _)| *held == index);
        held.map(|(_, shard)| &mut **shard)
    }

    /// What the counters would be, or every one that is over.
    fn plan(&mut self, charges: &[Charge], now: Instant) -> Result<Plan, Vec<Over>> {
        let (mut plan, mut over) = (Plan::new(), Vec::new());
        for charge in charges {
            let before = self.shard(&charge.name).and_then(|shard| shard.get(&charge.name));
            match Counter::charged(before, charge, now) {
                Ok(_) if charge.amount == 0 => {}
                Ok(counter) => plan.push((charge.name, counter)),
                Err(refused) => over.push(refused),
            }
        }
        if over.is_empty() { Ok(plan) } else { Err(over) }
    }

    fn has_room(&mut self, plan: &Plan, now: Instant) -> bool {
        let room = self.room;
        plan.iter().all(|(name, _)| {
            self.shard(name).is_some_and(|shard| {
                shard.get(name).is_some() || {
                    shard.sweep(now, SWEPT_BY_THE_WAY);
                    // Names of one call may share a shard: leave room for all of them.
                    shard.len() + plan.len() <= room.max(plan.len())
                }
            })
        })
    }

    fn write(&mut self, plan: Plan) {
        for (name, counter) in plan {
            if let Some(shard) = self.shard(&name) {
                shard.put(name, counter);
            }
        }
    }
}

fn index(random: &[u8]) -> usize {
    usize::from(random.last().copied().unwrap_or_default()) % SHARDS
}

/// Every verb decides first and writes then, so what a panicking thread left behind is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn full() -> StoreError {
    let message = "the memory store has no room for more counters; give it a larger capacity";
    StoreError::new(StoreErrorKind::Full, message)
}
