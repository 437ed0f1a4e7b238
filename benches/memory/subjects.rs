//! What is measured: the store behind its port, and maps that keep the same payload.

use std::{
    collections::HashMap,
    future::Future,
    hash::{BuildHasherDefault, Hash, Hasher},
    pin::Pin,
    sync::Mutex,
    time::Duration,
};

use futures_util::FutureExt as _;
use sspr::{
    adapters::MemoryCodes,
    domain::{RecordId, Timestamp},
    ports::CodeStore as _,
    store::{Attempted, Charge, CounterName, Inserted, Record, Swapped},
};

/// What a record holds, and what a try of it charges.
#[derive(Clone, Copy)]
pub struct Shape {
    pub body: usize,
    pub charges: u64,
}

/// Like the yardstick's payload of the reference: 56 bytes beside the id.
pub const SMALL: Shape = Shape { body: 56, charges: 0 };
/// Like the engine's.
pub const REAL: Shape = Shape { body: 550, charges: 4 };

const HOUR: Duration = Duration::from_secs(3600);
/// Windows of the counters, in hours.
const WINDOWS: [u32; 4] = [1, 24, 30 * 24, 365 * 24];

/// How long a record lives.
pub const LIFE: Duration = Duration::from_secs(900);

/// When the record of a number is written: one every fifty microseconds.
pub const fn at(number: u64) -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000 + number as i64 * 50)
}

/// A number as random as a drawn one, the same in every run.
pub const fn scattered(number: u64) -> u64 {
    let mut z = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x5851_f42d_4c95_7f2d);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn unique(number: u64) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&scattered(number).to_le_bytes());
    bytes[8..].copy_from_slice(&scattered(!number).to_le_bytes());
    bytes
}

pub fn id(number: u64) -> RecordId {
    let mut bytes = [7; RecordId::BYTES];
    bytes[8..].copy_from_slice(&unique(number));
    RecordId::from_bytes(bytes)
}

fn name(number: u64, charge: u64) -> CounterName {
    let mut bytes = [7; 32];
    bytes[0] = 5;
    bytes[16..].copy_from_slice(&unique((number << 3) | charge | (1 << 62)));
    CounterName::from_bytes(bytes)
}

/// The record of a number, ready to be written.
pub fn record(shape: Shape, number: u64) -> Record {
    let charge = |charge: u64| Charge {
        amount: 1,
        limit: u32::MAX,
        name: name(number, charge),
        tier: u8::from(charge > 1),
        window: HOUR * WINDOWS[charge as usize],
    };
    Record {
        begins_challenge: false,
        body: vec![3; shape.body],
        charges: (0..shape.charges).map(charge).collect(),
        expires_at: at(number).after(LIFE),
        id: id(number),
        tries_limit: u32::MAX,
    }
}

/// A store under test: each verb says whether it did what it should.
pub trait Subject {
    fn open(&self, record: &Record, now: Timestamp) -> bool;
    fn count(&self, id: &RecordId, now: Timestamp) -> bool;
    fn consume(&self, next: &Record, now: Timestamp) -> bool;
}

impl Subject for MemoryCodes {
    fn open(&self, record: &Record, now: Timestamp) -> bool {
        let answer = sspr::ports::CodeStore::insert(self, record, &record.charges, now);
        matches!(answer.now_or_never(), Some(Ok(Inserted::Inserted)))
    }

    fn count(&self, id: &RecordId, now: Timestamp) -> bool {
        matches!(self.attempt(id, &[], now).now_or_never(), Some(Ok(Attempted::Charged { .. })))
    }

    fn consume(&self, next: &Record, now: Timestamp) -> bool {
        let answer = self.compare_and_swap(next, 1, &[], &[], now).now_or_never();
        matches!(answer, Some(Ok(Swapped::Swapped { .. })))
    }
}

/// Sixty-four locked maps, hashed by the random id itself. No port, no copies, no expiry.
#[derive(Default)]
pub struct Bare(Map<[u8; 16], [u8; 56]>);

impl Subject for Bare {
    fn open(&self, record: &Record, _now: Timestamp) -> bool {
        let (key, mut value) = (key(&record.id), [0; 56]);
        value[8..].copy_from_slice(&record.body[8..]);
        self.0.shard(&key).lock().unwrap().insert(key, value).is_none()
    }

    fn count(&self, id: &RecordId, _now: Timestamp) -> bool {
        let key = key(id);
        let mut shard = self.0.shard(&key).lock().unwrap();
        shard.get_mut(&key).is_some_and(|value| {
            value[0] = value[0].wrapping_add(1);
            value[2] == 0
        })
    }

    fn consume(&self, next: &Record, _now: Timestamp) -> bool {
        let key = key(&next.id);
        let mut shard = self.0.shard(&key).lock().unwrap();
        shard.get_mut(&key).is_some_and(|value| {
            let new = value[1] == 0;
            value[8..].copy_from_slice(&next.body[8..]);
            value[1] = 1;
            new
        })
    }
}

impl Bare {
    /// Looks at every entry and removes every second one; answers how many.
    pub fn retain_half(&self) -> usize {
        let mut removed = 0;
        for shard in &self.0.0 {
            let mut shard = shard.lock().unwrap();
            let before = shard.len();
            shard.retain(|key, _| key[0].is_multiple_of(2));
            removed += before - shard.len();
        }
        removed
    }
}

/// The same maps with the work that the port asks for: a boxed future, a body of any length that
/// is copied in and out, counters by name. No expiry, no limits, nothing all or none.
#[derive(Default)]
pub struct Ported {
    records: Map<[u8; 16], (u64, Vec<u8>, Vec<Charge>)>,
    counters: Map<[u8; 32], (u64, Timestamp)>,
}

impl Ported {
    fn charge(&self, charges: &[Charge], now: Timestamp) {
        for charge in charges {
            let key = *charge.name.as_bytes();
            let mut shard = self.counters.shard(&key).lock().unwrap();
            shard.entry(key).or_insert((0, now.after(charge.window))).0 += 1;
        }
    }
}

impl Subject for Ported {
    fn open(&self, record: &Record, now: Timestamp) -> bool {
        boxed(async move {
            let key = key(&record.id);
            let mut shard = self.records.shard(&key).lock().unwrap();
            self.charge(&record.charges, now);
            shard.insert(key, (1, record.body.clone(), record.charges.clone())).is_none()
        })
    }

    fn count(&self, id: &RecordId, now: Timestamp) -> bool {
        let body: Option<Vec<u8>> = boxed(async move {
            let key = key(id);
            let mut shard = self.records.shard(&key).lock().unwrap();
            let (_, body, charges) = shard.get_mut(&key)?;
            self.charge(charges, now);
            Some(body.clone())
        });
        body.is_some()
    }

    fn consume(&self, next: &Record, _now: Timestamp) -> bool {
        boxed(async move {
            let key = key(&next.id);
            let mut shard = self.records.shard(&key).lock().unwrap();
            shard.get_mut(&key).is_some_and(|kept| {
                let new = kept.0 == 1;
                *kept = (2, next.body.clone(), next.charges.clone());
                new
            })
        })
    }
}

fn boxed<'a, T>(call: impl Future<Output = T> + 'a) -> T {
    let call: Pin<Box<dyn Future<Output = T> + 'a>> = Box::pin(call);
    call.now_or_never().unwrap()
}

fn key(id: &RecordId) -> [u8; 16] {
    id.as_bytes()[8..].try_into().unwrap()
}

struct Map<K, V>(Vec<Mutex<HashMap<K, V, BuildHasherDefault<Identity>>>>);

impl<K: AsRef<[u8]>, V> Map<K, V> {
    fn shard(&self, key: &K) -> &Mutex<HashMap<K, V, BuildHasherDefault<Identity>>> {
        // Not the bits that the map takes: the last byte of the eight is the tag in its slots.
        &self.0[usize::from(key.as_ref()[key.as_ref().len() - 12]) % 64]
    }
}

impl<K: Hash + Eq, V> Default for Map<K, V> {
    fn default() -> Self {
        Self((0..64).map(|_| Mutex::default()).collect())
    }
}

#[derive(Default)]
struct Identity(u64);

impl Hasher for Identity {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = u64::from_le_bytes(*bytes.last_chunk::<8>().unwrap());
    }

    fn finish(&self) -> u64 {
        self.0
    }

    fn write_usize(&mut self, _length: usize) {}
}
