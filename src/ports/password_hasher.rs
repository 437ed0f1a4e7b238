//! Port: slow hashing, kept off the caller's thread and within bounds.

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{Digest, Password, PasswordHash};

/// Hashes and verifies passwords.
///
/// *Suite*: `password_hasher_conformance!` (feature `conformance`).
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password with fresh salt and today's parameters.
    ///
    /// *Time*: bounded by the queue; a full queue is [`HashError::Busy`] at once. *Security*: the
    /// calling thread is never blocked; memory is bounded by the pool, not by the callers.
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError>;

    /// Verifies a password against a hash on file.
    ///
    /// *Security*: a hash whose parameters exceed the implementation's caps is
    /// [`HashError::Unsupported`] before any work: a tampered row must not buy gigabytes.
    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError>;

    /// Does the work of [`PasswordHasher::verify`] against a dummy hash, for an address that has
    /// none.
    ///
    /// *Security*: `seed` is fixed per address; a pool that has seen several parameter sets picks
    /// one by it, so that unknown addresses cost what known ones do.
    async fn verify_dummy(
        &self,
        password: Password,
        seed: Digest,
        queue: HashQueue,
    ) -> Result<(), HashError>;
}

/// The queue in which a hash waits. A pool serves both in turn, so that neither starves the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// Exhaustive: a pool serves every queue.
pub enum HashQueue {
    /// Sign-in.
    SignIn,
    /// A new password.
    Submit,
}

/// Whether a password is the one that was hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on each.
pub enum PasswordMatch {
    /// It is, and the hash has today's parameters.
    Match,
    /// It is, and the hash should be replaced by one with today's parameters.
    MatchOutdated,
    /// It is not.
    Mismatch,
}

/// A password could not be hashed or verified.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashError {
    /// The queue is full; try later.
    #[error("password hasher: its queue is full")]
    Busy,
    /// It broke.
    #[error("password hasher: hashing failed")]
    Failed,
    /// The hash on file is of a kind, or asks for work, that this hasher does not allow.
    #[error("password hasher: the hash on file is not supported")]
    Unsupported,
}
