//! The error of a call. A mistake of the user is an outcome and not an error.

use core::fmt;
use std::error::Error as StdError;

use crate::{
    domain::EntropyUnavailable,
    flow::CodecError,
    ports::{Failure, FailureKind, HashError, PolicyError, StoreError, StoreErrorKind},
};

/// The error of a call that could not be carried out.
///
/// A retry after a transient error ends where the first call would have.
pub struct Error {
    kind: ErrorKind,
    source: Box<dyn StdError + Send + Sync>,
}

debug_is_text!(Error);

/// The part that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The audit log could not record an action of the help desk. Nothing was done.
    Audit,
    /// The clock of this process is too far off the clock of its store.
    Clock,
    /// The source of randomness failed.
    Entropy,
    /// The password hasher failed, or does not support a hash on file.
    Hasher,
    /// This version cannot read a stored record.
    Record,
    /// The policy source failed.
    Policy,
    /// The code store or the user store failed.
    Store {
        /// Whether a later retry may help.
        transient: bool,
    },
}

impl Error {
    /// Returns the part that failed.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Wraps the error of the audit log.
    pub(crate) fn of_audit(error: StoreError) -> Self {
        Self { kind: ErrorKind::Audit, source: error.into() }
    }

    /// Returns the error as an event shows it.
    pub(crate) fn failure(&self) -> Failure {
        let kind = match self.kind {
            ErrorKind::Audit => FailureKind::Audit,
            ErrorKind::Clock => FailureKind::Clock,
            ErrorKind::Entropy => FailureKind::Entropy,
            ErrorKind::Hasher => FailureKind::Hasher,
            ErrorKind::Policy => FailureKind::Policy,
            ErrorKind::Record => FailureKind::Record,
            ErrorKind::Store { .. } => FailureKind::Store,
        };
        Failure::new(kind, &self.source.to_string())
    }

    /// Whether a store's write may have happened all the same.
    pub(crate) fn is_unknown(&self) -> bool {
        let store = self.source.downcast_ref::<StoreError>();
        store.is_some_and(|error| error.kind() == StoreErrorKind::Unknown)
    }

    /// Returns whether a later retry may help.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self.kind, ErrorKind::Audit | ErrorKind::Store { transient: true })
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            ErrorKind::Audit => "the action could not be recorded, so that it was not done",
            ErrorKind::Clock => "this process's clock is too far from its store's",
            ErrorKind::Entropy => "no secret could be drawn",
            ErrorKind::Hasher => "a password could not be hashed or verified",
            ErrorKind::Record => "a record could not be read",
            ErrorKind::Policy => "no policy could be supplied",
            ErrorKind::Store { .. } => "a store could not answer",
        })
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        let source: &(dyn StdError + 'static) = &*self.source;
        Some(source)
    }
}

impl From<StoreError> for Error {
    fn from(error: StoreError) -> Self {
        let kind = match error.kind() {
            StoreErrorKind::Clock => ErrorKind::Clock,
            _ => ErrorKind::Store { transient: error.is_transient() },
        };
        Self { kind, source: error.into() }
    }
}

impl From<PolicyError> for Error {
    fn from(error: PolicyError) -> Self {
        Self { kind: ErrorKind::Policy, source: error.into() }
    }
}

impl From<EntropyUnavailable> for Error {
    fn from(error: EntropyUnavailable) -> Self {
        Self { kind: ErrorKind::Entropy, source: error.into() }
    }
}

impl From<CodecError> for Error {
    fn from(error: CodecError) -> Self {
        Self { kind: ErrorKind::Record, source: error.into() }
    }
}

impl From<HashError> for Error {
    fn from(error: HashError) -> Self {
        Self { kind: ErrorKind::Hasher, source: error.into() }
    }
}
