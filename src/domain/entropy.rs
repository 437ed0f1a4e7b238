//! The source of all unpredictable values.

use thiserror::Error;

/// A cryptographically secure source of random bytes.
///
/// This trait promises nothing about speed. The operating system must seed an implementation. An
/// implementation must fail instead of returning predictable bytes, because every code and token
/// comes from this source.
pub trait Entropy: Send + Sync + core::fmt::Debug {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if the operating system gives no randomness. `bytes` must then not be
    /// used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable>;

    /// Generates one unpredictable 64-bit word.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] as for [`Entropy::fill`].
    fn word(&self) -> Result<u64, EntropyUnavailable> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// The error for missing randomness of the operating system. No secret can be made without it.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("the system's source of randomness is unavailable")]
#[non_exhaustive]
pub struct EntropyUnavailable;

debug_is_text!(EntropyUnavailable);

impl EntropyUnavailable {
    /// Creates the error.
    #[must_use]
    pub const fn new() -> Self {
        Self
    }
}

impl Default for EntropyUnavailable {
    fn default() -> Self {
        Self::new()
    }
}
