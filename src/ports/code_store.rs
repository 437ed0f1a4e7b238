//! Port: the store of resets and counters.

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{Charge, CounterName, Over, RecordId, Timestamp};

/// A store of records and counters, with six methods. Each is atomic and takes one round trip.
///
/// The example `custom_store` is a complete implementation on a file. The suite
/// `code_store_conformance!` (feature `conformance`) tests an implementation, one test for each
/// clause below.
///
/// ```
/// use sspr::domain::{RecordId, Timestamp};
/// use sspr::ports::{CodeStore, StoreError};
/// use sspr::store::{
///     Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped,
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
///         now: Timestamp,
///     ) -> Result<Attempted, StoreError> {
///         # let _ = (id, now);
///         Ok(Attempted::Missing)
///     }
///
///     async fn load(
///         &self,
///         id: &RecordId,
///     ) -> Result<Option<Loaded>, StoreError> {
///         # let _ = id;
///         Ok(None)
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
/// A counter has a value and the end of its window. A charge inside the window adds to the value and
/// never moves the end. Once the end is reached (`ends_at <= t`) the value counts as 0. The next
/// charge then begins a new window, with `ends_at = t + window`. A charge of amount 0 writes nothing:
/// it only asks whether the value is at most the limit.
///
/// All names in one call are distinct. The charges of one tier are made together or not at all. If
/// one counter of a tier would pass its limit, the store charges none of that tier. The answer then
/// names every counter of the tier that is over.
///
/// # Time
///
/// The caller passes `now`. A record or counter remembers the latest time that wrote it, as
/// `touched_at`. Its effective time is `t = max(now, touched_at)`, and each write stores `t` as the
/// new `touched_at`. Therefore a clock that runs back reopens no window and revives no record. A
/// record is dead when `t >= expires_at`.
///
/// # Errors
///
/// The kind [`Unknown`](super::StoreErrorKind::Unknown) means that the write may have happened.
/// Every other kind means that it has not. Never answer success before the write survives what the
/// store promises to survive. Retry internally only what is known not to have been committed, and
/// never after a lost connection.
///
/// # Security
///
/// A lost charge gives an attacker a free guess. A charge that is made twice only costs a try.
/// Therefore charge when in doubt. A full store refuses new data and never drops a live counter or
/// record. Bodies and names are opaque: do not compare, log or index anything inside them.
#[async_trait]
pub trait CodeStore: Send + Sync {
    /// Writes a record if its id is new, and makes the charges.
    ///
    /// The record and the charges are written together or not at all. Any answer other than
    /// [`Inserted::Inserted`] writes nothing and charges nothing.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may answer [`Inserted::Exists`].
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError>;

    /// Charges one try of a record, and answers the body to compare with.
    ///
    /// The whole call is atomic and happens in this order:
    ///
    /// 1. A record that is missing or dead is charged nothing.
    /// 2. The record's own tries are charged. Past `tries_limit` the answer is
    ///    [`Attempted::Exhausted`], and nothing else is charged.
    /// 3. The charges of the record are made, tier by tier in ascending order. The first tier that
    ///    refuses ends the call. The tiers before it stay charged.
    ///
    /// The body is the one that was in the record when the try was charged. The record and each
    /// charged counter are touched. The version never changes, so that a burst of guesses cannot
    /// starve the swap of the owner.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may charge a second time.
    async fn attempt(&self, id: &RecordId, now: Timestamp) -> Result<Attempted, StoreError>;

    /// Reads a record, dead or alive, until it is removed. Touches nothing.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn load(&self, id: &RecordId) -> Result<Option<Loaded>, StoreError>;

    /// Replaces a record if its version is `expected`, makes the charges and clears counters.
    ///
    /// All of it happens or nothing, in this order:
    ///
    /// 1. The version is compared. [`Swapped::Missing`] and [`Swapped::Conflict`] charge nothing.
    /// 2. The charges are made, all in tier 0. [`Swapped::Refused`] changes nothing.
    /// 3. The counters in `clear` get the value 0 and a window that ends now. They keep their
    ///    `touched_at`. An unknown name is ignored.
    /// 4. The record is written, and its version grows by one. It keeps its tries unless it
    ///    [begins a challenge](Record::begins_challenge).
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may answer [`Swapped::Conflict`]. Load the record and
    /// compare its body with the one that was to be written.
    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError>;

    /// Makes charges, all in tier 0. They are made together or not at all.
    ///
    /// Answers the counters that are over. An empty answer means that all charges were made.
    ///
    /// # Errors
    /// After the kind `Unknown` a repeated call may charge a second time.
    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError>;

    /// Removes at most `limit` records and counters that ended [`SWEEP_MARGIN`] or longer ago.
    /// Answers how many were removed.
    ///
    /// Each is removed separately. The margin keeps a process with a wrong clock from removing what
    /// is alive elsewhere.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError>;
}

/// How long a store keeps records and counters that have ended: 24 hours. The margin protects what
/// is still alive by the clock of another process.
pub const SWEEP_MARGIN: core::time::Duration = core::time::Duration::from_secs(24 * 3600);

/// A record as the engine writes it: opaque bytes, and the fields that a store needs.
#[derive(Clone, Debug)]
pub struct Record {
    /// The id of the record.
    pub id: RecordId,
    /// The time from which the record is dead.
    pub expires_at: Timestamp,
    /// How many tries one challenge has.
    pub tries_limit: u32,
    /// The charges of each try, besides the record's own tries.
    pub charges: Vec<Charge>,
    /// Whether a new challenge begins, with its tries at zero. `insert` ignores it.
    pub begins_challenge: bool,
    /// Opaque, versioned bytes.
    pub body: Vec<u8>,
}

/// A record as it is read.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The version: 1 after the insert, and one more with each swap.
    pub version: u64,
    /// The time from which the record is dead.
    pub expires_at: Timestamp,
    /// The latest time that has written the record.
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
    /// One try was charged.
    Charged {
        /// The record when it was charged. Its `tries` include this one.
        record: Loaded,
        /// The counters of the first tier that refused. Empty if every tier was charged.
        over: Vec<Over>,
    },
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
