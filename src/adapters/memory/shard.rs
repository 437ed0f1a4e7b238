//! One shard, with its entries by key and the order in which they end.

use super::{
    blocks::Blocks,
    index::{Index, Place},
    queue::Queue,
};
use crate::{
    domain::{CounterName, RecordId, Timestamp},
    ports::SWEEP_MARGIN,
};

/// Entries by key, and by the time at which each is checked for removal.
#[derive(Debug)]
pub(super) struct Shard<K, V> {
    index: Index,
    /// The entries. A live entry keeps its place. A removed entry stays at its free place, so that
    /// the next one there reuses its memory.
    entries: Blocks<(K, V)>,
    free: Vec<Place>,
    /// The places, ordered by the end that the entry had when it was queued. If that end comes and
    /// the entry has a later one, it is queued again. Each entry is here once.
    ends: Queue,
}

/// The key of an entry.
///
/// Some of its bytes serve directly as its hash. That is safe because the service draws its keys or
/// derives them with a secret key, so that outsiders cannot choose two that collide.
pub(super) trait Key: Copy + Eq {
    /// The key of a place that never had an entry.
    const NONE: Self;

    fn bytes(&self) -> &[u8];

    /// Returns the hash within a shard.
    fn hash(&self) -> u32 {
        let last = self.bytes().last_chunk::<4>();
        u32::from_le_bytes(last.copied().unwrap_or_default())
    }

    /// Returns the number that decides the shard. It uses other bytes than the hash, because
    /// otherwise the hashes within a shard would partly be the same.
    fn shard(&self) -> u32 {
        let other = self.bytes().last_chunk::<8>().and_then(|last| last.first_chunk::<4>());
        u32::from_le_bytes(other.copied().unwrap_or_default())
    }
}

/// The values that end at some time.
pub(super) trait Ends {
    fn end(&self) -> Timestamp;
}

impl<K: Key, V: Default + Ends> Shard<K, V> {
    pub(super) fn new() -> Self {
        let (entries, free) = (Blocks::new(), Vec::new());
        Self { ends: Queue::new(), entries, free, index: Index::default() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let place = self.find(key)?;
        self.entries.get(place).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        let place = self.find(key)?;
        self.entries.get_mut(place).map(|(_, value)| value)
    }

    /// Writes the value of a key, over the old one if there is one. `write` must set the whole
    /// value, because another key's data may be in it.
    pub(super) fn put(&mut self, key: K, write: impl FnOnce(&mut V)) {
        let old = self.find(&key);
        let Some(place) = old.or_else(|| self.place()) else { return };
        let Some((at, value)) = self.entries.get_mut(place) else { return };
        write(value);
        if old.is_none() {
            *at = key;
            self.ends.push(value.end(), place);
            self.index.insert(key.hash(), place);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len() - self.free.len()
    }

    /// Removes at most `limit` entries that ended [`SWEEP_MARGIN`] or longer before `now`. Looks
    /// only at entries whose queued end has come.
    pub(super) fn sweep(&mut self, now: Timestamp, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit {
            let Some(place) = self.ends.pop(now.before(SWEEP_MARGIN)) else { break };
            let Some((key, value)) = self.entries.get(place) else { continue };
            let end = value.end();
            if end > now.before(SWEEP_MARGIN) {
                self.ends.push(end, place);
            } else {
                self.index.remove(key.hash(), place);
                self.free.push(place);
                removed += 1;
            }
        }
        removed
    }

    fn find(&self, key: &K) -> Option<Place> {
        let same = |place: Place| self.entries.get(place).is_some_and(|(at, _)| at == key);
        self.index.find(key.hash(), same)
    }

    /// Returns a free place, or a new one.
    fn place(&mut self) -> Option<Place> {
        self.free.pop().or_else(|| self.entries.push((K::NONE, V::default())))
    }
}

impl Key for CounterName {
    const NONE: Self = Self::from_bytes([0; Self::BYTES]);

    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

impl Key for RecordId {
    const NONE: Self = Self::from_bytes([0; Self::BYTES]);

    fn bytes(&self) -> &[u8] {
        self.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARGIN: i64 = 24 * 3600 * 1_000_000;

    fn at(micros: i64) -> Timestamp {
        Timestamp::from_micros(micros)
    }

    fn key(number: u8) -> RecordId {
        RecordId::from_bytes([number; RecordId::BYTES])
    }

    impl Ends for i64 {
        fn end(&self) -> Timestamp {
            at(*self)
        }
    }

    fn shard(ends: &[(u8, i64)]) -> Shard<RecordId, i64> {
        let mut shard = Shard::new();
        ends.iter().for_each(|(number, end)| shard.put(key(*number), |value| *value = *end));
        shard
    }

    fn there(shard: &Shard<RecordId, i64>) -> Vec<u8> {
        (0..=255).filter(|number| shard.get(&key(*number)).is_some()).collect()
    }

    #[test]
    fn entries_go_in_the_order_in_which_they_end() {
        let mut shard = shard(&[(1, 30), (2, 10), (3, 20), (4, 40)]);

        assert_eq!(shard.sweep(at(MARGIN + 39), 1), 1);
        assert_eq!(there(&shard), [1, 3, 4]);
        assert_eq!(shard.sweep(at(MARGIN + 39), 9), 2);
        assert_eq!(there(&shard), [4]);
    }

    #[test]
    fn an_entry_stays_for_the_margin_to_the_microsecond() {
        let mut shard = shard(&[(1, 10)]);

        assert_eq!(shard.sweep(at(MARGIN + 9), 9), 0);
        assert_eq!(shard.sweep(at(MARGIN + 10), 9), 1);
    }

    #[test]
    fn an_end_that_moved_on_is_queued_again_and_one_that_moved_back_waits() {
        let mut shard = shard(&[(1, 10), (2, 20)]);
        *shard.get_mut(&key(1)).unwrap() = 30;
        shard.put(key(2), |value| *value = 5);

        assert_eq!(shard.sweep(at(MARGIN + 19), 9), 0);
        assert_eq!(shard.sweep(at(MARGIN + 20), 9), 1);
        assert_eq!(there(&shard), [1]);
        assert_eq!(shard.sweep(at(MARGIN + 30), 9), 1);
        assert_eq!((shard.len(), shard.sweep(Timestamp::MAX, 9)), (0, 0));
    }

    #[test]
    fn a_clock_that_runs_back_removes_nothing_and_breaks_no_order() {
        let mut shard = shard(&[(1, 1000)]);

        assert_eq!(shard.sweep(at(-MARGIN), 9), 0);
        shard.put(key(2), |value| *value = -500);
        assert_eq!(shard.sweep(at(MARGIN - 500), 9), 1);
        assert_eq!(there(&shard), [1]);
    }

    #[test]
    fn a_place_that_became_free_is_the_next_ones_and_the_old_key_finds_nothing() {
        let mut shard = shard(&[(1, 10), (2, 90)]);
        shard.sweep(at(MARGIN + 10), 9);

        shard.put(key(3), |value| *value = 50);

        assert_eq!((there(&shard), shard.entries.len()), (vec![2, 3], 2));
        assert_eq!(shard.sweep(at(MARGIN + 50), 9), 1);
        assert_eq!(there(&shard), [2]);
    }

    #[test]
    fn a_key_is_hashed_by_its_last_bytes_and_spread_by_those_before() {
        let mut bytes = [0; RecordId::BYTES];
        let last = RecordId::BYTES - 8;
        bytes[last..].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
        let id = RecordId::from_bytes(bytes);
        assert_eq!((id.hash(), id.shard()), (0x0807_0605, 0x0403_0201));
    }
}
