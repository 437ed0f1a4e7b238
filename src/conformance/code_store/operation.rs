//! A call as data, which can be run on a store or on the model, and printed in words.

use core::fmt;

use crate::{
    domain::{Charge, CounterName, Over, RecordId, Timestamp},
    ports::{Attempted, CodeStore, Inserted, Loaded, Record, StoreError, StoredRecord, Swapped},
};

/// One call of one verb.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Insert(Record, Vec<Charge>, Timestamp),
    Attempt(RecordId, Vec<Charge>, Timestamp),
    Load(RecordId, Vec<Charge>, Timestamp),
    Swap(Record, u64, Vec<Charge>, Vec<CounterName>, Timestamp),
    Charge(Vec<Charge>, Timestamp),
}

/// The answer of a call, with sorted names, so that answers can be compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    Inserted(Inserted),
    Missing,
    Dead,
    Exhausted,
    Charged(Snapshot, Vec<Over>),
    Loaded(Snapshot),
    Refused(Vec<Over>),
    Swapped(Swapped),
    Over(Vec<Over>),
}

impl Answer {
    /// Returns true if the call may have changed something.
    pub(super) const fn wrote(&self) -> bool {
        match self {
            Self::Inserted(inserted) => matches!(inserted, Inserted::Inserted),
            Self::Swapped(swapped) => matches!(swapped, Swapped::Swapped { .. }),
            Self::Over(over) => over.is_empty(),
            Self::Charged(..) | Self::Loaded(_) => true,
            Self::Missing | Self::Dead | Self::Exhausted | Self::Refused(_) => false,
        }
    }
}

/// A record as it was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Snapshot {
    pub(super) version: u64,
    pub(super) expires_at: Timestamp,
    pub(super) touched_at: Timestamp,
    pub(super) tries: u32,
    pub(super) body: Vec<u8>,
}

impl Call {
    pub(super) async fn run(&self, store: &dyn CodeStore) -> Result<Answer, StoreError> {
        Ok(match self {
            Self::Insert(record, charges, now) => {
                Answer::Inserted(match store.insert(record, charges, *now).await? {
                    Inserted::Refused(over) => Inserted::Refused(sorted(over)),
                    other => other,
                })
            }
            Self::Attempt(id, charges, now) => match store.attempt(id, charges, *now).await? {
                Attempted::Missing => Answer::Missing,
                Attempted::Dead => Answer::Dead,
                Attempted::Exhausted => Answer::Exhausted,
                Attempted::Refused(over) => Answer::Refused(sorted(over)),
                Attempted::Charged { over, record } => {
                    Answer::Charged(Snapshot::from(record), sorted(over))
                }
            },
            Self::Load(id, charges, now) => match store.load(id, charges, *now).await? {
                Loaded::Missing => Answer::Missing,
                Loaded::Refused(over) => Answer::Refused(sorted(over)),
                Loaded::Found(record) => Answer::Loaded(Snapshot::from(record)),
            },
            Self::Swap(next, expected, charges, clear, now) => {
                let swapped = store.compare_and_swap(next, *expected, charges, clear, *now).await?;
                Answer::Swapped(match swapped {
                    Swapped::Refused(over) => Swapped::Refused(sorted(over)),
                    other => other,
                })
            }
            Self::Charge(charges, now) => Answer::Over(sorted(store.charge(charges, *now).await?)),
        })
    }
}

impl From<StoredRecord> for Snapshot {
    fn from(record: StoredRecord) -> Self {
        let StoredRecord { version, expires_at, touched_at, tries, body } = record;
        Self { version, expires_at, touched_at, tries, body }
    }
}

pub(super) fn sorted(mut over: Vec<Over>) -> Vec<Over> {
    over.sort_unstable_by_key(|over| over.name);
    over
}

/// Prints a call in words, with the small numbers that the suite gives to ids and names.
impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Insert(record, charges, now) => {
                write!(f, "insert {} ", Words(record))?;
                charging(f, charges)?;
                write!(f, "at {}", now.as_micros())
            }
            Self::Attempt(id, charges, now) => {
                write!(f, "attempt {} ", number(id))?;
                charging(f, charges)?;
                write!(f, "at {}", now.as_micros())
            }
            Self::Load(id, charges, now) => {
                write!(f, "load {} ", number(id))?;
                charging(f, charges)?;
                write!(f, "at {}", now.as_micros())
            }
            Self::Swap(next, expected, charges, clear, now) => {
                write!(f, "swap {} if version {expected} ", Words(next))?;
                charging(f, charges)?;
                clear.iter().try_for_each(|name| write!(f, "clearing {} ", last(name)))?;
                write!(f, "at {}", now.as_micros())
            }
            Self::Charge(charges, now) => {
                charging(f, charges)?;
                write!(f, "at {}", now.as_micros())
            }
        }
    }
}

struct Words<'r>(&'r Record);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let record = self.0;
        let ends = record.expires_at.as_micros();
        let tries = record.tries_limit;
        write!(f, "{} (until {ends}, {tries} tries", number(&record.id))?;
        if record.begins_challenge {
            f.write_str(", a new challenge")?;
        }
        if !record.charges.is_empty() {
            f.write_str(", each try ")?;
            charging(f, &record.charges)?;
        }
        f.write_str(")")
    }
}

fn charging(f: &mut fmt::Formatter<'_>, charges: &[Charge]) -> fmt::Result {
    charges.iter().try_for_each(|charge| {
        let Charge { tier, name, amount, limit, window } = charge;
        let window = window.as_micros();
        write!(f, "charging {amount} to {} of tier {tier} ", last(name))?;
        write!(f, "(limit {limit}, window {window}) ")
    })
}

fn number(id: &RecordId) -> u8 {
    id.as_bytes().last().copied().unwrap_or(0)
}

fn last(name: &CounterName) -> u8 {
    name.as_bytes().last().copied().unwrap_or(0)
}
