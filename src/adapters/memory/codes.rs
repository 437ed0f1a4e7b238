//! The code store in memory. It is sharded and bounded, and it never evicts an entry.

use async_trait::async_trait;

use super::{
    counters::Counter,
    held::Held,
    shard::{Ends, Shard},
    shards::Shards,
};
use crate::{
    domain::{Charge, CounterName, Over, RecordId, Timestamp},
    ports::{
        Attempted, CodeStore, Inserted, Loaded, Record, StoreError, StoreErrorKind, StoredRecord,
        Swapped,
    },
    sync::MutexGuard,
};

/// The number of dead records that each new record removes, so that room comes back without a sweep.
const SWEPT_BY_THE_WAY: usize = 2;

/// Keeps records and counters in memory.
///
/// The store is bounded. If it is full, it refuses new entries and never evicts a live one. Expiry
/// costs the same for any number of entries, and growth never pauses a caller for long.
///
/// New entries reuse the memory of removed ones. The store therefore stays as large as it was at
/// its fullest, and a removed record's opaque bytes remain until they are overwritten.
#[derive(Debug)]
pub struct MemoryCodes {
    records: Shards<RecordId, Kept>,
    counters: Shards<CounterName, Counter>,
}

/// The number of entries in a [`MemoryCodes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Usage {
    /// The records, including dead ones that are not swept yet.
    pub records: usize,
    /// The counters, including ended ones that are not swept yet.
    pub counters: usize,
}

#[derive(Debug, Default)]
struct Kept {
    version: u64,
    expires_at: Timestamp,
    touched_at: Timestamp,
    tries: u32,
    tries_limit: u32,
    charges: Box<[Charge]>,
    body: Vec<u8>,
}

impl MemoryCodes {
    /// Creates a store with room for a million records and four million counters.
    #[must_use]
    pub fn new() -> Self {
        Self::with_capacity(1_000_000, 4_000_000)
    }

    /// Creates a store with room for this many records and counters, spread evenly over shards.
    #[must_use]
    pub fn with_capacity(records: usize, counters: usize) -> Self {
        Self { counters: Shards::with_capacity(counters), records: Shards::with_capacity(records) }
    }

    /// Returns the present number of entries.
    #[must_use]
    pub fn usage(&self) -> Usage {
        Usage { counters: self.counters.len(), records: self.records.len() }
    }

    fn shard_of(&self, id: &RecordId) -> Option<MutexGuard<'_, Shard<RecordId, Kept>>> {
        self.records.lock(self.records.index(id))
    }

    fn hold<'n>(&self, names: impl Iterator<Item = &'n CounterName>) -> Held<'_> {
        Held::lock(&self.counters, names)
    }

    /// Makes all charges or none. Returns the counters that would pass their limits.
    fn charge_all(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        let mut held = self.hold(charges.iter().map(|charge| &charge.name));
        let over = held.plan(charges.iter(), now);
        if !over.is_empty() {
            return Ok(over);
        }
        if !held.has_room(now) {
            return Err(full());
        }
        held.write();
        Ok(Vec::new())
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
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let Some(mut shard) = self.shard_of(&record.id) else { return Ok(Inserted::Full) };
        if shard.get(&record.id).is_some() {
            return Ok(Inserted::Exists);
        }
        shard.sweep(now, SWEPT_BY_THE_WAY);
        if shard.len() >= self.records.room() {
            return Ok(Inserted::Full);
        }
        let mut held = self.hold(charges.iter().map(|charge| &charge.name));
        let over = held.plan(charges.iter(), now);
        if !over.is_empty() {
            return Ok(Inserted::Refused(over));
        }
        if !held.has_room(now) {
            return Ok(Inserted::Full);
        }
        held.write();
        shard.put(record.id, |kept| {
            kept.write(record, 1);
            kept.touched_at = now;
            kept.tries = 0;
        });
        Ok(Inserted::Inserted)
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let Some(mut shard) = self.shard_of(id) else { return Ok(Attempted::Missing) };
        let Some(kept) = shard.get_mut(id) else { return Ok(Attempted::Missing) };
        let at = now.latest(kept.touched_at);
        if at >= kept.expires_at {
            return Ok(Attempted::Dead);
        }
        if kept.tries >= kept.tries_limit {
            return Ok(Attempted::Exhausted);
        }
        let mut held = self.hold(charges.iter().chain(&kept.charges).map(|charge| &charge.name));
        let refused = held.plan(charges.iter(), now);
        if !refused.is_empty() {
            return Ok(Attempted::Refused(refused));
        }
        let (mut over, mut tier) = (Vec::new(), kept.next_tier(None));
        while let (Some(this), true) = (tier, over.is_empty()) {
            let charges = kept.charges.iter().filter(|charge| charge.tier == this);
            over = held.plan(charges, now);
            tier = kept.next_tier(tier);
        }
        if !held.has_room(now) {
            return Err(full());
        }
        held.write();
        kept.tries += 1;
        kept.touched_at = at;
        Ok(Attempted::Charged { over, record: kept.stored() })
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let Some(shard) = self.shard_of(id) else { return Ok(Loaded::Missing) };
        let Some(kept) = shard.get(id) else { return Ok(Loaded::Missing) };
        let over = self.charge_all(charges, now)?;
        Ok(if over.is_empty() { Loaded::Found(kept.stored()) } else { Loaded::Refused(over) })
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let Some(mut shard) = self.shard_of(&next.id) else { return Ok(Swapped::Missing) };
        let Some(kept) = shard.get_mut(&next.id) else { return Ok(Swapped::Missing) };
        if kept.version != expected {
            return Ok(Swapped::Conflict { version: kept.version });
        }
        let mut held = self.hold(charges.iter().map(|charge| &charge.name).chain(clear));
        let over = held.plan(charges.iter(), now);
        if !over.is_empty() {
            return Ok(Swapped::Refused(over));
        }
        if !held.has_room(now) {
            return Err(full());
        }
        held.write();
        for name in clear {
            held.clear(name, now);
        }
        kept.write(next, expected + 1);
        kept.touched_at = now.latest(kept.touched_at);
        if next.begins_challenge {
            kept.tries = 0;
        }
        Ok(Swapped::Swapped { version: kept.version })
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.charge_all(charges, now)
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let records = self.records.sweep(now, limit);
        Ok(records + self.counters.sweep(now, limit.saturating_sub(records)))
    }
}

impl Kept {
    /// Takes over the content of a record, and reuses the memory of the old one.
    fn write(&mut self, record: &Record, version: u64) {
        let Self { body, charges, expires_at, touched_at: _, tries: _, tries_limit, version: old } =
            self;
        body.clear();
        body.reserve_exact(record.body.len());
        body.extend_from_slice(&record.body);
        if charges.len() == record.charges.len() {
            charges.copy_from_slice(&record.charges);
        } else {
            *charges = record.charges.as_slice().into();
        }
        (*expires_at, *tries_limit, *old) = (record.expires_at, record.tries_limit, version);
    }

    fn stored(&self) -> StoredRecord {
        StoredRecord {
            body: self.body.clone(),
            expires_at: self.expires_at,
            touched_at: self.touched_at,
            tries: self.tries,
            version: self.version,
        }
    }

    /// Returns the lowest tier of the charges above `last`.
    fn next_tier(&self, last: Option<u8>) -> Option<u8> {
        let tiers = self.charges.iter().map(|charge| charge.tier);
        tiers.filter(|tier| last.is_none_or(|last| *tier > last)).min()
    }
}

impl Ends for Kept {
    fn end(&self) -> Timestamp {
        self.expires_at.latest(self.touched_at)
    }
}

fn full() -> StoreError {
    let message = "the memory store has no room for more counters; give it a larger capacity";
    StoreError::new(StoreErrorKind::Full, message)
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "codes_interleavings_tests.rs"]
mod interleavings;
