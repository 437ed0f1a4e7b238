//! A code store on a plain file, for any number of processes on one machine: a lock, a read, a new file
//! in the old one's place. Slow, and right: `tests/adapters/contract_files.rs` runs the suite over it.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{self, Write as _},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Serialize};
use sspr::{
    domain::{RecordId, Timestamp},
    ports::{CodeStore, StoreError, StoreErrorKind},
    store::{
        Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, StoredRecord, Swapped,
    },
};

/// The dead are kept for a day, so that a wrong clock removes nothing alive.
const MARGIN: i64 = 24 * 3_600 * 1_000_000;
/// A file with as many records refuses more. It never drops one to make room.
const MOST: usize = 200;

/// Everything in one file of JSON.
#[derive(Debug, Default, Deserialize, Serialize)]
struct State {
    records: BTreeMap<String, Row>,
    counters: BTreeMap<String, Counter>,
}

#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
struct Counter {
    value: u64,
    ends_at: i64,
    touched_at: i64,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Row {
    version: u64,
    expires_at: i64,
    touched_at: i64,
    tries: u32,
    tries_limit: u32,
    charges: Vec<Line>,
    body: Vec<u8>,
}

/// A charge as it stands in the file: tier, name, amount, limit, microseconds.
type Line = (u8, [u8; CounterName::BYTES], u32, u32, u64);

/// A code store in a folder.
#[derive(Clone, Debug)]
pub struct Files {
    folder: PathBuf,
}

/// Whether what a verb did to the state is to be kept.
enum Keep {
    It,
    Nothing,
}

impl Files {
    pub fn open(folder: impl AsRef<Path>) -> io::Result<Self> {
        let folder = folder.as_ref().to_owned();
        fs::create_dir_all(&folder)?;
        Ok(Self { folder })
    }

    /// One verb: nobody else is in here meanwhile, and the new file appears whole or not at all.
    /// A service would do this on a thread of its own.
    fn with<T>(&self, act: impl FnOnce(&mut State) -> (T, Keep)) -> Result<T, StoreError> {
        let lock = File::create(self.folder.join("lock")).map_err(nothing_happened)?;
        lock.lock().map_err(nothing_happened)?;
        let mut state = self.read().map_err(nothing_happened)?;
        let (answer, keep) = act(&mut state);
        if let Keep::It = keep {
            self.write(&state).map_err(nothing_happened)?;
        }
        // The lock ends with its file.
        Ok(answer)
    }

    fn read(&self) -> io::Result<State> {
        match fs::read(self.folder.join("state.json")) {
            Ok(json) => Ok(serde_json::from_slice(&json)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(State::default()),
            Err(error) => Err(error),
        }
    }

    fn write(&self, state: &State) -> io::Result<()> {
        let part = self.folder.join("state.part");
        let mut file = File::create(&part)?;
        file.write_all(&serde_json::to_vec(state)?)?;
        // On the disk before anybody is told.
        file.sync_data()?;
        fs::rename(part, self.folder.join("state.json"))
    }
}

/// Until the new file is in place nothing has happened; that it is there and the caller not told
/// cannot be.
fn nothing_happened(error: io::Error) -> StoreError {
    let kind = match error.kind() {
        io::ErrorKind::InvalidData => StoreErrorKind::Corrupt,
        io::ErrorKind::StorageFull => StoreErrorKind::Full,
        _ => StoreErrorKind::Busy,
    };
    StoreError::new(kind, "files: the state cannot be read or written").with_source(error)
}

impl State {
    /// All of them, or none and every one that is over.
    fn charge(&mut self, charges: &[Charge], now: Timestamp) -> Vec<Over> {
        let (mut after, mut over) = (Vec::new(), Vec::new());
        for charge in charges {
            let key = hex(charge.name.as_bytes());
            let before = self.counters.get(&key);
            // The effective instant: no clock that runs back reopens a window.
            let at = before.map_or(now.as_micros(), |it| it.touched_at.max(now.as_micros()));
            let live = before.filter(|it| at < it.ends_at);
            let value = live.map_or(0, |it| it.value) + u64::from(charge.amount);
            let new_end = Timestamp::from_micros(at).after(charge.window).as_micros();
            let ends_at = live.map_or(new_end, |it| it.ends_at);
            if value > u64::from(charge.limit) {
                over.push(Over { ends_at: Timestamp::from_micros(ends_at), name: charge.name });
            } else if charge.amount > 0 {
                after.push((key, Counter { ends_at, touched_at: at, value }));
            }
        }
        if over.is_empty() {
            self.counters.extend(after);
        }
        over
    }
}

impl Row {
    fn new(record: &Record, version: u64, touched_at: i64, tries: u32) -> Self {
        let line = |it: &Charge| {
            let micros = u64::try_from(it.window.as_micros()).unwrap_or(u64::MAX);
            (it.tier, *it.name.as_bytes(), it.amount, it.limit, micros)
        };
        let mut charges: Vec<Line> = record.charges.iter().map(line).collect();
        charges.sort_unstable();
        Self {
            body: record.body.clone(),
            charges,
            expires_at: record.expires_at.as_micros(),
            touched_at,
            tries,
            tries_limit: record.tries_limit,
            version,
        }
    }

    fn stored(&self) -> StoredRecord {
        StoredRecord {
            body: self.body.clone(),
            expires_at: Timestamp::from_micros(self.expires_at),
            touched_at: Timestamp::from_micros(self.touched_at),
            tries: self.tries,
            version: self.version,
        }
    }
}

#[async_trait::async_trait]
impl CodeStore for Files {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.with(|state| {
            let key = hex(record.id.as_bytes());
            if state.records.contains_key(&key) {
                return (Inserted::Exists, Keep::Nothing);
            }
            if state.records.len() >= MOST {
                return (Inserted::Full, Keep::Nothing);
            }
            let over = state.charge(charges, now);
            if !over.is_empty() {
                return (Inserted::Refused(over), Keep::Nothing);
            }
            state.records.insert(key, Row::new(record, 1, now.as_micros(), 0));
            (Inserted::Inserted, Keep::It)
        })
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.with(|state| {
            let key = hex(id.as_bytes());
            let Some(mut row) = state.records.get(&key).cloned() else {
                return (Attempted::Missing, Keep::Nothing);
            };
            row.touched_at = row.touched_at.max(now.as_micros());
            if row.touched_at >= row.expires_at {
                return (Attempted::Dead, Keep::Nothing);
            }
            if row.tries >= row.tries_limit {
                return (Attempted::Exhausted, Keep::Nothing);
            }
            // The caller's charges come first, so that a refused caller uses up no try.
            let refused = state.charge(charges, now);
            if !refused.is_empty() {
                return (Attempted::Refused(refused), Keep::Nothing);
            }
            row.tries += 1;
            let (record, lines) = (row.stored(), row.charges.clone());
            state.records.insert(key, row);
            let mut over = Vec::new();
            for tier in lines.chunk_by(|one, two| one.0 == two.0) {
                let charges: Vec<Charge> = tier.iter().copied().map(charge).collect();
                over = state.charge(&charges, now);
                if !over.is_empty() {
                    break;
                }
            }
            (Attempted::Charged { over, record }, Keep::It)
        })
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.with(|state| {
            let Some(record) = state.records.get(&hex(id.as_bytes())).map(Row::stored) else {
                return (Loaded::Missing, Keep::Nothing);
            };
            let over = state.charge(charges, now);
            if !over.is_empty() {
                return (Loaded::Refused(over), Keep::Nothing);
            }
            let keep = if charges.is_empty() { Keep::Nothing } else { Keep::It };
            (Loaded::Found(record), keep)
        })
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.with(|state| {
            let key = hex(next.id.as_bytes());
            let Some(row) = state.records.get(&key).cloned() else {
                return (Swapped::Missing, Keep::Nothing);
            };
            if row.version != expected {
                return (Swapped::Conflict { version: row.version }, Keep::Nothing);
            }
            let over = state.charge(charges, now);
            if !over.is_empty() {
                return (Swapped::Refused(over), Keep::Nothing);
            }
            for name in clear {
                if let Some(counter) = state.counters.get_mut(&hex(name.as_bytes())) {
                    let at = counter.touched_at.max(now.as_micros());
                    *counter = Counter { ends_at: at, touched_at: at, value: 0 };
                }
            }
            let tries = if next.begins_challenge { 0 } else { row.tries };
            let at = row.touched_at.max(now.as_micros());
            state.records.insert(key, Row::new(next, expected + 1, at, tries));
            (Swapped::Swapped { version: expected + 1 }, Keep::It)
        })
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.with(|state| {
            let over = state.charge(charges, now);
            let keep = if over.is_empty() { Keep::It } else { Keep::Nothing };
            (over, keep)
        })
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.with(|state| {
            let before = now.as_micros() - MARGIN;
            let mut removed = 0;
            let mut stays = |end: i64| {
                let goes = end <= before && removed < limit;
                removed += usize::from(goes);
                !goes
            };
            state.records.retain(|_, row| stays(row.expires_at.max(row.touched_at)));
            state.counters.retain(|_, counter| stays(counter.ends_at.max(counter.touched_at)));
            (removed, Keep::It)
        })
    }
}

fn charge((tier, name, amount, limit, micros): Line) -> Charge {
    let (name, window) = (CounterName::from_bytes(name), Duration::from_micros(micros));
    Charge { amount, limit, name, tier, window }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
