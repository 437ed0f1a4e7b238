//! Sealing of values that the store must not read.

use core::fmt;

use chacha20poly1305::{
    ChaCha20Poly1305, KeyInit,
    aead::{Aead, AeadInOut, Payload},
};
use thiserror::Error;
use zeroize::Zeroizing;

use super::{Digest, Entropy, EntropyUnavailable};

const NONCE: usize = 12;
const TAG: usize = 16;

/// Bytes sealed with ChaCha20-Poly1305 (RFC 8439) under a derived key and a random nonce.
///
/// The plaintext is first padded to a fixed size, so that the length reveals nothing.
#[derive(Clone)]
pub struct Sealed(Box<[u8]>);

/// The error for sealed bytes that do not open, because of another key, another record or
/// tampering.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error("sealed bytes do not open under this key")]
#[non_exhaustive]
pub struct SealError;

impl Sealed {
    /// Seals `plain`, padded to `size` bytes, for the context that `about` names.
    ///
    /// # Errors
    /// [`EntropyUnavailable`]; also if `plain` does not fit, which the callers rule out.
    pub(crate) fn seal(
        key: &Digest,
        about: &[u8],
        plain: &[u8],
        size: usize,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyUnavailable> {
        let length = u16::try_from(plain.len()).map_err(|_| EntropyUnavailable::new())?;
        // Sealed where it will stand, so that no plaintext is left elsewhere.
        let mut sealed = Zeroizing::new(Vec::with_capacity(NONCE + 2 + size + TAG));
        sealed.resize(NONCE, 0);
        entropy.fill(&mut sealed)?;
        sealed.extend_from_slice(&length.to_be_bytes());
        sealed.extend_from_slice(plain);
        sealed.resize(NONCE + 2 + size, 0);
        let (nonce, padded) =
            sealed.split_first_chunk_mut::<NONCE>().ok_or(EntropyUnavailable::new())?;
        let tag = ChaCha20Poly1305::new(key.as_bytes().into())
            .encrypt_inout_detached((&*nonce).into(), about, padded.into())
            .map_err(|_| EntropyUnavailable::new())?;
        sealed.extend_from_slice(&tag);
        Ok(Self(core::mem::take(&mut *sealed).into()))
    }

    /// Opens what was sealed under the same key for the same context.
    ///
    /// # Errors
    /// [`SealError`].
    pub(crate) fn open(&self, key: &Digest, about: &[u8]) -> Result<Zeroizing<Vec<u8>>, SealError> {
        let (nonce, sealed) = self.0.split_first_chunk::<NONCE>().ok_or(SealError)?;
        let mut plain = ChaCha20Poly1305::new(key.as_bytes().into())
            .decrypt(nonce.into(), Payload { msg: sealed, aad: about })
            .map(Zeroizing::new)
            .map_err(|_| SealError)?;
        let length = plain.first_chunk::<2>().map(|bytes| u16::from_be_bytes(*bytes));
        let length = usize::from(length.ok_or(SealError)?);
        plain.drain(..2);
        if length > plain.len() {
            return Err(SealError);
        }
        plain.truncate(length);
        Ok(plain)
    }

    /// Returns the sealed bytes for a record.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn from_bytes(bytes: &[u8]) -> Self {
        Self(bytes.into())
    }
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sealed(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::SystemEntropy;

    fn key(byte: u8) -> Digest {
        Digest::from_bytes([byte; 32])
    }

    fn sealed(about: &[u8], plain: &[u8]) -> Sealed {
        Sealed::seal(&key(1), about, plain, 16, &SystemEntropy::new()).unwrap()
    }

    #[test]
    fn what_is_sealed_opens_under_its_key_in_its_context_only() {
        let sealed = sealed(b"a", b"ada");

        assert_eq!(*sealed.open(&key(1), b"a").unwrap(), b"ada");
        assert_eq!(sealed.open(&key(2), b"a").unwrap_err(), SealError);
        assert_eq!(sealed.open(&key(1), b"b").unwrap_err(), SealError);
    }

    #[test]
    fn the_same_sealed_twice_shares_no_nonce() {
        let (first, second) = (sealed(b"", b"ada"), sealed(b"", b"ada"));

        assert_ne!(first.as_bytes()[..NONCE], second.as_bytes()[..NONCE]);
    }

    #[test]
    fn the_length_says_nothing_and_a_changed_byte_is_noticed() {
        let (short, long) = (sealed(b"", b"a"), sealed(b"", b"0123456789abcdef"));
        assert_eq!(short.as_bytes().len(), long.as_bytes().len());
        assert_eq!(*long.open(&key(1), b"").unwrap(), b"0123456789abcdef");

        for place in 0..short.as_bytes().len() {
            let mut bytes = short.as_bytes().to_vec();
            bytes[place] ^= 1;
            assert!(Sealed::from_bytes(&bytes).open(&key(1), b"").is_err(), "byte {place}");
        }
    }
}
