//! Many shards, each behind its own lock.

use std::sync::{PoisonError, atomic::Ordering};

use super::{
    index::Place,
    shard::{Ends, Key, Shard},
};
use crate::{
    domain::Timestamp,
    sync::{AtomicUsize, Mutex, MutexGuard},
};

/// How many entries a shard has at most, if the capacity allows so many shards: growing one pauses
/// those who wait for it, and nobody for long. With fewer the pauses are shorter, but so many shards
/// have more state than stays in a cache: an insert among 2,048 took 1.9 times one among 256.
const ENTRIES: usize = 16_384;
const FEWEST: usize = 64;
const MOST: usize = 16_384;

/// Shards, and the room in each.
#[derive(Debug)]
pub(super) struct Shards<K, V> {
    /// A power of two of them.
    shards: Vec<Mutex<Shard<K, V>>>,
    room: usize,
    /// Where the next sweep begins, so that each does not first look through the empty ones.
    swept: AtomicUsize,
}

impl<K: Key, V: Default + Ends> Shards<K, V> {
    /// Room for so many entries, spread evenly.
    pub(super) fn with_capacity(entries: usize) -> Self {
        Self::spread(entries, (entries / ENTRIES).clamp(FEWEST, MOST).next_power_of_two())
    }

    /// So many shards, a power of two.
    pub(super) fn spread(entries: usize, shards: usize) -> Self {
        Self {
            room: entries.div_ceil(shards).min(Place::MOST),
            shards: (0..shards).map(|_| Mutex::new(Shard::new())).collect(),
            swept: AtomicUsize::new(0),
        }
    }

    /// How many entries a shard may have.
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

    /// Removes at most `limit` entries that ended long before `now`, from wherever they are.
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

/// Every verb decides first and writes then, so what a panicking thread left behind is whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
