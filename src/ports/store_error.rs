//! The error of every store: what a caller can do about it, and the cause.

use core::fmt;
use std::error::Error as StdError;

/// What a caller can do about a store's error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// Nothing happened, and trying again later may help: busy, overloaded, not reachable.
    Busy,
    /// The caller's clock is too far from the store's: no lifetime means what it says. Nothing
    /// happened.
    Clock,
    /// The store holds something that it should not: damage, or another program's data.
    Corrupt,
    /// The store is out of room. Nothing happened.
    Full,
    /// What was to be stored could not be read back. Nothing happened.
    Refused,
    /// The store cannot be used as it is set up: missing, of a newer version, no permission.
    Setup,
    /// It may or may not have happened.
    Unknown,
}

/// A store could not answer.
///
/// The message says what failed and what to do, never an address, a secret or SQL; the driver's
/// own error is its `source()`.
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl StoreError {
    /// An error with a message in lower case that says what to do.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the driver's own error.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// The error of a call that only reads: what was cut off has not happened.
    #[must_use]
    pub fn of_a_read(mut self) -> Self {
        if self.kind == StoreErrorKind::Unknown {
            self.kind = StoreErrorKind::Busy;
        }
        self
    }

    /// What a caller can do about it.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether trying again later may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::Unknown)
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for StoreError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn StdError + 'static) = &**source;
            source
        })
    }
}
