//! A proof that the host checks.

use core::fmt;

use thiserror::Error;
use zeroize::Zeroizing;

/// A proof that the host checks: a typed code of an authenticator app, or the text in which a browser
/// encodes the answer of a passkey.
///
/// # Security
/// `Debug` is redacted, and the text is wiped when it is dropped.
#[derive(Clone)]
pub struct HostProof(Zeroizing<String>);

/// The error for a text that cannot be such a proof.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("proof: must have 1 to 8192 bytes and no control characters")]
#[non_exhaustive]
pub struct HostProofError;

debug_is_text!(HostProofError);

impl HostProof {
    /// The most bytes of a proof.
    const MOST: usize = 8_192;

    /// Takes what the user gave. Blanks around it are removed.
    ///
    /// # Errors
    /// [`HostProofError`] if nothing is left, or if it is too long or has control characters.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::HostProof;
    ///
    /// assert_eq!(HostProof::parse(" 123456 ")?.expose(), "123456");
    /// assert!(HostProof::parse("").is_err());
    /// # Ok::<(), sspr::domain::HostProofError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, HostProofError> {
        let text = text.trim();
        let fits = (1..=Self::MOST).contains(&text.len());
        if fits && !text.contains(char::is_control) {
            Ok(Self(Zeroizing::new(text.to_owned())))
        } else {
            Err(HostProofError)
        }
    }

    /// Returns the text, for the check of the host.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HostProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HostProof(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_has_text_and_a_bounded_length_and_is_not_shown() {
        for (text, is_proof) in [
            ("123456", true),
            (&"x".repeat(HostProof::MOST), true),
            (&"x".repeat(HostProof::MOST + 1), false),
            ("", false),
            ("  ", false),
            ("12\u{0}34", false),
        ] {
            assert_eq!(HostProof::parse(text).is_ok(), is_proof, "{} bytes", text.len());
        }
        assert_eq!(format!("{:?}", HostProof::parse("123456").unwrap()), "HostProof(…)");
    }
}
