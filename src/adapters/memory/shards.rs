//! The shards of a store, each behind its own lock.

use std::sync::{PoisonError, atomic::Ordering};

use super::{
    index::Place,
    shard::{Ends, Key, Shard},
};
use crate::{
    domain::Timestamp,
    sync::{AtomicUsize, Mutex, MutexGuard},
};

/// The most entries of a shard, if the capacity allows so many shards.
///
/// A shard that grows pauses the callers that wait for it, so that it must not be large. Smaller
/// shards pause less, but the state of many shards does not fit into a cache. An insert into 2,048
/// shards took 1.9 times as long as one into 256.
const ENTRIES: usize = 16_384;
const FEWEST: usize = 64;
const MOST: usize = 16_384;

/// Shards, and the room in each.
#[derive(Debug)]
pub(super) struct Shards<K, V> {
    /// The shards. Their number is a power of two.
    shards: Vec<Mutex<Shard<K, V>>>,
    room: usize,
    /// The shard where the next sweep begins, so that no sweep first looks through empty shards.
    swept: AtomicUsize,
}

impl<K: Key, V: Default + Ends> Shards<K, V> {
    /// Creates room for this many entries, spread evenly over the shards.
    pub(super) fn with_capacity(entries: usize) -> Self {
        Self::spread(entries, (entries / ENTRIES).clamp(FEWEST, MOST).next_power_of_two())
    }

    /// Creates this many shards, which must be a power of two.
    pub(super) fn spread(entries: usize, shards: usize) -> Self {
        Self {
            room: entries.div_ceil(shards).min(Place::MOST),
            shards: (0..shards).map(|_| Mutex::new(Shard::new())).collect(),
            swept: AtomicUsize::new(0),
        }
    }

    /// Returns the most entries that a shard may have.
    pub(super) const fn room(&self) -> usize {
        self.room
    }

    pub(super) fn index(&self, key: &K) -> usize {
        let random = usize::try_from(key.shard()).unwrap_or_default();
        random & (self.shards.len() - 1)
    }

    pub(super) fn lock(&self, index: usize) -> Option<MutexGuard<'_, Shard<K, V>>> {
        self.shards.get(index).map(lock)
    }

    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Removes at most `limit` entries that ended long before `now`, from any shard.
    pub(super) fn sweep(&self, now: Timestamp, limit: usize) -> usize {
        let (begin, mut removed) = (self.swept.load(Ordering::Relaxed), 0);
        for at in (begin..self.shards.len()).chain(0..begin) {
            if removed >= limit {
                break;
            }
            self.swept.store(at, Ordering::Relaxed);
            removed += self.lock(at).map_or(0, |mut shard| shard.sweep(now, limit - removed));
        }
        removed
    }
}

/// Locks a shard. A poisoned lock is safe, because every verb decides first and writes last.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::RecordId;

    impl Ends for u64 {
        fn end(&self) -> Timestamp {
            Timestamp::from_micros(0)
        }
    }

    #[test]
    fn the_number_of_shards_follows_the_room() {
        for (entries, shards) in [(0, FEWEST), (1_000 * ENTRIES, 1_024), (usize::MAX, MOST)] {
            assert_eq!(Shards::<RecordId, u64>::with_capacity(entries).shards.len(), shards);
        }
    }

    #[test]
    fn a_sweep_removes_no_more_than_its_limit_from_all_shards_together() {
        let shards = Shards::<RecordId, u64>::spread(1_000, 4);
        for number in 0..40 {
            let mut bytes = [number; RecordId::BYTES];
            bytes[RecordId::BYTES - 8..].fill(number);
            let id = RecordId::from_bytes(bytes);
            shards.lock(shards.index(&id)).unwrap().put(id, |value| *value = 1);
        }
        for (removed, left) in [(15, 25), (15, 10), (10, 0)] {
            assert_eq!((shards.sweep(Timestamp::MAX, 15), shards.len()), (removed, left));
        }
    }
}
