//! Port: where resets and counters live.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Charge, CounterName, Over, RecordId, Timestamp};

/// Keeps records and counters. Six verbs, each atomic and one round trip.
///
/// **Counters.** A counter is a value and the end of its window. A charge inside a window adds to
/// the value and never moves the end. A window whose end is reached (`ends_at <= t`) counts as
/// value 0, and its next charge begins a new one, `ends_at = t + window`. A charge of amount 0
/// writes nothing: it only asks whether the value is at most the limit. Names in one call are
/// distinct. Charges of one tier are all or none: if one counter would pass its limit, none of
/// that tier is charged, and the answer names every counter of the tier that is over.
///
/// **Time.** `now` is the caller's. The effective instant of a record or counter is
/// `t = max(now, touched_at)`, where `touched_at` is the latest instant that wrote it; every write
/// stores `t` as the new `touched_at`. So a clock that runs back reopens no window and revives no
/// record. A record is dead when `t >= expires_at`.
///
/// **Errors.** An error of kind [`Unknown`](super::StoreErrorKind::Unknown) means that it may or
/// may not have happened; every other kind means that it did not. Never answer success before the
/// write survives what the store promises to survive. Retry inside only what is known not to have
/// been committed, and never after a lost connection.
///
/// **Security.** Losing a charge gives somebody a free guess; charging twice only costs a try.
/// When in doubt, charge. A full store refuses: it never drops a live counter or record to make
/// room. Bodies and names are opaque: a store compares, logs and indexes nothing inside them.
///
/// The proof of all of this is the suite `conformance` (feature `conformance`), one test a clause,
/// which every store that ships passes; `tests/adapters/broken_stores.rs` shows that it catches those that lie.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Writes a record iff its id is new, and makes the charges.
    ///
    /// *Atomicity*: record and charges together or neither. `Exists` charges nothing; `Refused`
    /// and `Full` leave no record and no charge. *Time*: see the trait. *Errors*: after `Unknown`
    /// a repeated call answers `Exists`. *Security*: as the trait.
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError>;

    /// Charges one try of a record and answers what to compare with.
    ///
    /// In order: the record's own tries, while it is alive (`Dead` and `Missing` charge nothing;
    /// past `tries_limit` the answer is `Exhausted` and nothing else is charged); then its charges,
    /// tier by tier in ascending order: the first tier that refuses ends the call, earlier ones
    /// stay charged.
    ///
    /// *Atomicity*: the whole call. The body is the one that was in the record when the try was
    /// charged. Never changes the version, so a burst of guesses cannot starve the owner's swap.
    /// *Time*: the record and each counter are touched. *Errors*: after `Unknown` a repeated call
    /// may charge a second time. *Security*: as the trait.
    async fn attempt(&self, id: &RecordId, now: Timestamp) -> Result<Attempted, StoreError>;

    /// Reads a record, dead or alive, until it is swept.
    ///
    /// *Atomicity*: one snapshot. *Time*: touches nothing. *Errors*: calling again is harmless.
    ///
    async fn load(&self, id: &RecordId) -> Result<Option<Loaded>, StoreError>;

    /// Replaces a record if its version is `expected`, makes the charges and clears counters.
    ///
    /// The version is compared first: `Missing` and `Conflict` charge nothing. Then the charges,
    /// all of tier 0: `Refused` changes nothing. Then the clears: value 0, window ended now,
    /// `touched_at` kept; an unknown name is nothing. Then the record, its version raised by one.
    /// The record's tries are kept unless it says that it [begins a challenge](Record::begins_challenge).
    ///
    /// *Atomicity*: all or nothing. *Time*: see the trait. *Errors*: after `Unknown` a repeated
    /// call answers `Conflict`: load, and compare the body with what was to be written.
    /// *Security*: as the trait.
    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError>;

    /// Makes charges, all of tier 0: all or none. Answers the counters that are over; an empty
    /// answer means charged.
    ///
    /// *Atomicity*: the whole call. *Time*: see the trait. *Errors*: after `Unknown` a repeated
    /// call may charge a second time. *Security*: as the trait.
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError>;

    /// Removes at most `limit` records and counters whose end lies [`SWEEP_MARGIN`] or more before `now`,
    /// and answers how many.
    ///
    /// *Atomicity*: each one by itself. *Time*: the margin of 24 hours keeps a wrong clock from
    /// removing what is alive elsewhere. *Errors*: calling again is harmless. *Security*: must
    /// never remove what is alive.
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// How long a store keeps what has ended, so that a wrong clock removes nothing that is alive
/// elsewhere: 24 hours.
pub const SWEEP_MARGIN: core::time::Duration = core::time::Duration::from_secs(24 * 3600);

/// What the engine writes: opaque bytes, and what a store must see.
#[derive(Clone, Debug)]
pub struct Record {
    /// Its id.
    pub id: RecordId,
    /// It is dead from this instant on.
    pub expires_at: Timestamp,
    /// How many tries one challenge has.
    pub tries_limit: u32,
    /// What each try charges besides.
    pub charges: Vec<Charge>,
    /// Whether a new challenge begins: its tries start at zero. Ignored by `insert`.
    pub begins_challenge: bool,
    /// Opaque, versioned bytes.
    pub body: Vec<u8>,
}

/// A record as it is read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// Its version: 1 when inserted, one more with each swap.
    pub version: u64,
    /// When it dies.
    pub expires_at: Timestamp,
    /// The latest instant that wrote it.
    pub touched_at: Timestamp,
    /// Tries of its current challenge.
    pub tries: u32,
    /// Its opaque bytes.
    pub body: Vec<u8>,
}

/// What [`CodeStore::insert`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive, like the answers below: the engine decides on every one of them.
pub enum Inserted {
    /// Written, with version 1.
    Inserted,
    /// There is a record of that id.
    Exists,
    /// The store holds as much as it may.
    Full,
    /// These counters are over.
    Refused(Vec<Over>),
}

/// What [`CodeStore::attempt`] answers.
#[derive(Clone, Debug)]
pub enum Attempted {
    /// No record of that id.
    Missing,
    /// The record is dead.
    Dead,
    /// The challenge has no try left.
    Exhausted,
    /// One try was charged.
    Charged {
        /// The record's state when it was charged; its `tries` include this one.
        record: Loaded,
        /// The counters of the first tier that refused; empty if none did.
        over: Vec<Over>,
    },
}

/// What [`CodeStore::compare_and_swap`] answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// Written, with this version.
    Swapped {
        /// The record's new version.
        version: u64,
    },
    /// No record of that id.
    Missing,
    /// The record has another version.
    Conflict {
        /// The version that it has.
        version: u64,
    },
    /// These counters are over.
    Refused(Vec<Over>),
}
