//! Port: the hasher of passwords.

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{Digest, Password, PasswordHash};

/// A hasher of passwords, within bounds and off the thread of the caller.
///
/// [`Argon2Pool`](crate::adapters::Argon2Pool) is the usual one. The suite
/// `password_hasher_conformance!` (feature `conformance`) tests an implementation.
///
/// ```
/// use sspr::domain::{Digest, PasswordHash};
/// use sspr::ports::{HashError, HashQueue, PasswordHasher, PasswordMatch};
/// use sspr::Password;
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl PasswordHasher for Mine {
///     async fn hash(
///         &self,
///         password: Password,
///         queue: HashQueue,
///     ) -> Result<PasswordHash, HashError> {
///         # let _ = (password, queue);
///         Err(HashError::Busy)
///     }
///
///     async fn verify(
///         &self,
///         password: Password,
///         hash: PasswordHash,
///         queue: HashQueue,
///     ) -> Result<PasswordMatch, HashError> {
///         # let _ = (password, hash, queue);
///         Err(HashError::Unsupported)
///     }
///
///     async fn verify_dummy(
///         &self,
///         password: Password,
///         seed: Digest,
///         queue: HashQueue,
///     ) -> Result<(), HashError> {
///         # let _ = (password, seed, queue);
///         Ok(())
///     }
/// }
/// ```
#[async_trait]
pub trait PasswordHasher: Send + Sync {
    /// Hashes a new password with a new salt and the current parameters.
    ///
    /// The call never blocks its thread. The memory in use depends on the hasher and not on the
    /// number of callers.
    ///
    /// # Errors
    /// [`HashError::Busy`] at once if the queue is full.
    async fn hash(&self, password: Password, queue: HashQueue) -> Result<PasswordHash, HashError>;

    /// Verifies a password against a hash on file.
    ///
    /// # Errors
    /// [`HashError::Busy`] at once if the queue is full.
    ///
    /// # Security
    /// Answer [`HashError::Unsupported`], before any work, if the parameters of the hash exceed the
    /// caps of the hasher. Otherwise a manipulated row could cost gigabytes of memory.
    async fn verify(
        &self,
        password: Password,
        hash: PasswordHash,
        queue: HashQueue,
    ) -> Result<PasswordMatch, HashError>;

    /// Does the work of [`PasswordHasher::verify`] for an address without a hash.
    ///
    /// # Errors
    /// As [`PasswordHasher::verify`].
    ///
    /// # Security
    /// Each address has a fixed `seed`. A hasher that has seen several sets of parameters chooses one
    /// of them by the seed, so that unknown addresses take as long as known ones.
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
    /// The queue of sign-ins.
    SignIn,
    /// The queue of new passwords.
    Submit,
}

/// The result of comparing a password with a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: the engine decides on each.
pub enum PasswordMatch {
    /// The password is right, and the hash has the current parameters.
    Match,
    /// The password is right, and the hash should be replaced because its parameters are old.
    MatchOutdated,
    /// The password is wrong.
    Mismatch,
}

/// The error of a password that could not be hashed or verified.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum HashError {
    /// The queue is full. A later call can succeed.
    #[error("password hasher: its queue is full")]
    Busy,
    /// The hasher failed.
    #[error("password hasher: hashing failed")]
    Failed,
    /// The hasher does not support the kind of the hash on file, or the work that it asks for.
    #[error("password hasher: the hash on file is not supported")]
    Unsupported,
}

debug_is_text!(HashError);
