//! Port: the store of resets and counters.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Charge, CounterName, Over, RecordId, Timestamp};

/// A store of records and counters. It has six methods. Each method is atomic and takes one round
/// trip.
///
/// The example `custom_store` is a complete implementation on a file. The suite
/// `code_store_conformance!` (feature `conformance`) tests an implementation. It has at least one
/// test for each rule below.
///
/// ```
/// use sspr::domain::{RecordId, Timestamp};
/// use sspr::ports::{CodeStore, StoreError};
/// use sspr::store::{
///     Attempted, Charge, CounterName, Inserted, Loaded, Over, Record,
///     Swapped,
/// };
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl CodeStore for Mine {
///     async fn insert(
///         &self,
///         record: &Record,
///         charges: &[Charge],
///         now: Timestamp,
///     ) -> Result<Inserted, StoreError> {
///         # let _ = (record, charges, now);
///         Ok(Inserted::Full)
///     }
///
///     async fn attempt(
///         &self,
///         id: &RecordId,
///         charges: &[Charge],
///         now: Timestamp,
///     ) -> Result<Attempted, StoreError> {
///         # let _ = (id, charges, now);
///         Ok(Attempted::Missing)
///     }
///
///     async fn load(
///         &self,
///         id: &RecordId,
///         charges: &[Charge],
///         now: Timestamp,
///     ) -> Result<Loaded, StoreError> {
///         # let _ = (id, charges, now);
///         Ok(Loaded::Missing)
///     }
///
///     async fn compare_and_swap(
///         &self,
///         next: &Record,
///         expected: u64,
///         charges: &[Charge],
///         clear: &[CounterName],
///         now: Timestamp,
///     ) -> Result<Swapped, StoreError> {
///         # let _ = (next, expected, charges, clear, now);
///         Ok(Swapped::Missing)
///     }
///
///     async fn charge(
///         &self,
///         charges: &[Charge],
///         now: Timestamp,
///     ) -> Result<Vec<Over>, StoreError> {
///         # let _ = (charges, now);
///         Ok(Vec::new())
///     }
///
///     async fn delete_expired(
///         &self,
///         now: Timestamp,
///         limit: usize,
///     ) -> Result<usize, StoreError> {
///         # let _ = (now, limit);
///         Ok(0)
///     }
/// }
/// ```
///
/// # Counters
///
/// A counter limits how often something happens in a window of time. It has a value and the end of
/// its window, `ends_at`. A charge inside the window adds to the value and never moves the end.
/// When the end is reached (`ends_at <= t`), the value counts as 0. The next charge then begins a
/// new window, with `ends_at = t + window`. A charge of amount 0 writes nothing. It only asks
/// whether the value is at most the limit.
///
/// All names in one call are distinct. Each charge belongs to a tier, a group with a number. The
/// charges of one tier are made together or not at all. If one counter of a tier would pass its
/// limit, the store makes no charge of that tier. The answer then names every counter of the tier
/// that would pass its limit.
///
/// # Time
///
/// The caller passes `now`. A record or counter stores the latest time of a write, as `touched_at`.
/// Its effective time is `t = max(now, touched_at)`, and each write stores `t` as the new
/// `touched_at`. Therefore a clock that runs back cannot restart a window or make an expired record
/// valid. A record is dead (expired) when `t >= expires_at`.
///
/// # Errors
///
/// The kind [`Unknown`](super::StoreErrorKind::Unknown) means that the write may have happened.
/// Every other kind means that the write has not happened. Answer success only after the write is
/// as durable as the store promises. Retry internally only if the write was certainly not
/// committed, and never after a lost connection.
///
/// # Security
///
/// A lost charge gives an attacker a free guess. A charge that is made twice only costs a try.
/// Therefore make the charge when in doubt. A full store refuses new data and never removes a live
/// counter or record. Bodies and names are opaque: do not compare, log or index anything inside
/// them.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Writes a record if its id is new, and makes the charges.
    ///
    /// The record and the charges are written together or not at all. If the answer is not
    /// [`Inserted::Inserted`], nothing is written or charged.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may answer [`Inserted::Exists`].
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError>;

    /// Charges one try of a record, and returns the record.
    ///
    /// The whole call is atomic and happens in this order:
    ///
    /// 1. If the record is missing or dead, or if its `tries` have reached `tries_limit`, the
    ///    answer says so. Nothing is charged or written.
    /// 2. `charges` are made. All of them belong to tier 0. [`Attempted::Refused`] charges and
    ///    writes nothing, so that a refused caller cannot use up the tries of the record.
    /// 3. The record's own `tries` grow by one.
    /// 4. The charges of the record are made, tier by tier in ascending order. The first tier that
    ///    refuses ends the call. Everything before it stays charged.
    ///
    /// No charge of the call names a counter of the record. The returned body is the body at the
    /// moment of the charge. The call updates `touched_at` of the record and of each charged
    /// counter. The version does not change, so that many guesses cannot block the owner's
    /// `compare_and_swap`.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may charge a second time.
    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError>;

    /// Reads a record, also a dead one, and makes the charges.
    ///
    /// The record is read and the charges are made at one moment. All charges belong to tier 0.
    /// [`Loaded::Missing`] and [`Loaded::Refused`] charge nothing. The record does not change, not
    /// even its `touched_at`. Without charges the call writes nothing at all, and `now` has no
    /// effect.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may charge a second time. Without charges no error
    /// has this kind, and a repeated call is harmless.
    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError>;

    /// Replaces a record if its version is `expected`, makes the charges and clears counters.
    ///
    /// The call is atomic and happens in this order:
    ///
    /// 1. The version is compared. [`Swapped::Missing`] and [`Swapped::Conflict`] charge nothing.
    /// 2. The charges are made. All of them belong to tier 0. [`Swapped::Refused`] changes nothing.
    /// 3. The counters in `clear` get the value 0 and a window that ends at `now`. They keep their
    ///    `touched_at`. Names of unknown counters are ignored.
    /// 4. The record is written, and its version grows by one. It keeps its tries unless it
    ///    [begins a challenge](Record::begins_challenge).
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may answer [`Swapped::Conflict`]. Load the record
    /// and compare its body with the body of `next`.
    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError>;

    /// Makes all charges together or none of them. All belong to tier 0.
    ///
    /// Returns the counters that would pass their limits. An empty list means that all charges were
    /// made.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may charge a second time.
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError>;

    /// Removes at most `limit` records and counters that ended [`SWEEP_MARGIN`] or longer ago.
    /// Returns how many records and counters were removed.
    ///
    /// Each one is removed separately. Because of the margin, a process with a wrong clock removes
    /// nothing that is alive for other processes.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// How long a store keeps records and counters that have ended: 24 hours. The margin protects data
/// that is still alive by the clock of another process.
pub const SWEEP_MARGIN: core::time::Duration = core::time::Duration::from_secs(24 * 3600);

/// A record that the engine writes. It has opaque bytes and the fields that a store needs.
#[derive(Clone, Debug)]
pub struct Record {
    /// The id of the record.
    pub id: RecordId,
    /// The time from which the record is dead.
    pub expires_at: Timestamp,
    /// How many tries one challenge has.
    pub tries_limit: u32,
    /// The charges that `attempt` makes for each try, besides the record's own tries.
    pub charges: Vec<Charge>,
    /// Whether this write begins a new challenge (a new code), which sets the tries to zero.
    /// `insert` ignores this field.
    pub begins_challenge: bool,
    /// Opaque, versioned bytes.
    pub body: Vec<u8>,
}

/// A record as a store returns it.
#[derive(Clone, Debug)]
pub struct StoredRecord {
    /// The version: 1 after the insert, and one more with each swap.
    pub version: u64,
    /// The time from which the record is dead.
    pub expires_at: Timestamp,
    /// The latest time of a write to the record.
    pub touched_at: Timestamp,
    /// The tries of the current challenge.
    pub tries: u32,
    /// The opaque bytes.
    pub body: Vec<u8>,
}

/// The answer of [`CodeStore::insert`].
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive, like the answers below: the engine decides on every one of them.
pub enum Inserted {
    /// The record is written, with version 1.
    Inserted,
    /// A record with this id exists.
    Exists,
    /// The store is full.
    Full,
    /// These counters are over their limits.
    Refused(Vec<Over>),
}

/// The answer of [`CodeStore::attempt`].
#[derive(Clone, Debug)]
pub enum Attempted {
    /// No record has this id.
    Missing,
    /// The record is dead.
    Dead,
    /// The challenge has no try left.
    Exhausted,
    /// These counters of the call are over their limits.
    Refused(Vec<Over>),
    /// One try was charged.
    Charged {
        /// The record at the moment of the charge. Its `tries` include this try.
        record: StoredRecord,
        /// The counters of the record's first tier that refused. Empty if every tier was charged.
        over: Vec<Over>,
    },
}

/// The answer of [`CodeStore::load`].
#[derive(Clone, Debug)]
pub enum Loaded {
    /// No record has this id.
    Missing,
    /// These counters are over their limits.
    Refused(Vec<Over>),
    /// The record. All charges were made.
    Found(StoredRecord),
}

impl Loaded {
    /// Returns the record, if it was read.
    #[must_use]
    pub fn found(self) -> Option<StoredRecord> {
        match self {
            Self::Found(record) => Some(record),
            Self::Missing | Self::Refused(_) => None,
        }
    }
}

/// The answer of [`CodeStore::compare_and_swap`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Swapped {
    /// The record is written.
    Swapped {
        /// The new version of the record.
        version: u64,
    },
    /// No record has this id.
    Missing,
    /// The record has another version.
    Conflict {
        /// The version of the record.
        version: u64,
    },
    /// These counters are over their limits.
    Refused(Vec<Over>),
}
