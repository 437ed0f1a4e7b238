//! The error of every store.

use std::error::Error as StdError;

use thiserror::Error;

/// The kind of a store's error, which decides what the caller can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// The store is busy or out of reach. Nothing has happened, and a later retry may help.
    Busy,
    /// The clock of the caller is too far off the clock of the store, so that no lifetime would be
    /// right. Nothing has happened.
    Clock,
    /// The store contains damaged data, or the data of another program.
    Corrupt,
    /// The store is full. Nothing has happened.
    Full,
    /// The value could not be read back from its stored form. Nothing has happened.
    Refused,
    /// The store cannot be used as it is configured. It is missing, of a newer version, or not
    /// permitted.
    Setup,
    /// The write may have happened.
    Unknown,
}

/// The error of a store that could not answer.
///
/// Its text says what failed and what to do. It never contains an address, a secret or SQL. The
/// error of the driver is its `source()`.
#[derive(Error)]
#[error("{message}")]
pub struct StoreError {
    kind: StoreErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

debug_is_text!(StoreError);

impl StoreError {
    /// Makes an error from a text in lower case that says what to do.
    #[must_use]
    pub fn new(kind: StoreErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// Adds the error of the driver.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Turns [`StoreErrorKind::Unknown`] into [`StoreErrorKind::Busy`], for a call that only reads.
    #[must_use]
    pub fn of_a_read(mut self) -> Self {
        if self.kind == StoreErrorKind::Unknown {
            self.kind = StoreErrorKind::Busy;
        }
        self
    }

    /// Returns the kind, which decides what the caller can do.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Returns whether a later retry may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, StoreErrorKind::Busy | StoreErrorKind::Unknown)
    }
}
