//! One shard: a map of live entries, and the order in which they end.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{BuildHasherDefault, Hash, Hasher},
};

use crate::{domain::Instant, ports::SWEEP_MARGIN};

/// Entries by key, and by the instant at which each is looked at for removal.
#[derive(Debug)]
pub(super) struct Shard<K, V> {
    entries: HashMap<K, V, BuildHasherDefault<RandomBytes>>,
    /// Keys by the end they had when they were queued. An end that has moved since is found when
    /// the old one comes up, and queued again: each entry stands here once.
    ends: BTreeMap<Instant, Vec<K>>,
}

/// When an entry ends.
pub(super) trait Ends {
    fn end(&self) -> Instant;
}

/// Takes eight bytes of a key as its hash.
///
/// Safe for keys that this service draws or derives with a secret key: nobody outside can choose
/// two that collide.
#[derive(Debug, Default)]
pub(super) struct RandomBytes(u64);

impl<K: Copy + Eq + Hash, V: Ends> Shard<K, V> {
    pub(super) fn new() -> Self {
        Self { ends: BTreeMap::new(), entries: HashMap::default() }
    }

    pub(super) fn get(&self, key: &K) -> Option<&V> {
        self.entries.get(key)
    }

    pub(super) fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.entries.get_mut(key)
    }

    pub(super) fn put(&mut self, key: K, value: V) {
        let end = value.end();
        if self.entries.insert(key, value).is_none() {
            self.ends.entry(end).or_default().push(key);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Removes at most `limit` entries whose end lies [`SWEEP_MARGIN`] or more before `now`. Looks only
    /// at entries whose queued end has come.
    pub(super) fn sweep(&mut self, now: Instant, limit: usize) -> usize {
        let mut removed = 0;
        while removed < limit {
            let Some(mut first) = self.ends.first_entry() else { break };
            if first.key().after(SWEEP_MARGIN) > now {
                break;
            }
            let Some(key) = first.get_mut().pop() else {
                first.remove();
                continue;
            };
            if first.get().is_empty() {
                first.remove();
            }
            let Some(end) = self.entries.get(&key).map(Ends::end) else { continue };
            if end.after(SWEEP_MARGIN) > now {
                self.ends.entry(end).or_default().push(key);
            } else {
                self.entries.remove(&key);
                removed += 1;
            }
        }
        removed
    }
}

impl Hasher for RandomBytes {
    fn write(&mut self, bytes: &[u8]) {
        if let Some(last) = bytes.last_chunk::<8>() {
            self.0 = u64::from_le_bytes(*last);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }

    fn write_usize(&mut self, _length: usize) {}
}
