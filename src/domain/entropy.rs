//! The source of everything unguessable.

use thiserror::Error;

/// A cryptographically secure source of random bytes.
///
/// Promises nothing about speed. An implementation must be seeded by the operating system and
/// must fail rather than return bytes that somebody could guess: every code and token comes from
/// here.
pub trait Entropy: Send + Sync + core::fmt::Debug {
    /// Fills `bytes` with unpredictable bytes.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if the operating system gives none; `bytes` must then not be used.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable>;

    /// Draws one unpredictable 64-bit word.
    ///
    /// # Errors
    /// As [`Entropy::fill`].
    fn word(&self) -> Result<u64, EntropyUnavailable> {
        let mut bytes = [0; 8];
        self.fill(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }
}

/// The operating system gave no randomness; nothing secret can be made.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("the system's source of randomness is unavailable")]
#[non_exhaustive]
pub struct EntropyUnavailable;

impl EntropyUnavailable {
    /// Says that no randomness was to be had.
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
