//! The secret of a session that an adapter keeps.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use crate::{
    domain::Entropy,
    ports::{StoreError, StoreErrorKind},
};

/// The secret of one session. The database holds only its SHA-256.
pub struct SessionToken(Zeroizing<[u8; 32]>);

impl SessionToken {
    /// Generates a new token.
    ///
    /// # Errors
    /// [`StoreError`] if there is no randomness.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::{SessionToken, SystemEntropy};
    ///
    /// let token = SessionToken::generate(&SystemEntropy::new())?;
    /// # Ok::<(), sspr::ports::StoreError>(())
    /// ```
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, StoreError> {
        let mut secret = Zeroizing::new([0; 32]);
        entropy.fill(&mut *secret).map_err(|error| {
            StoreError::new(StoreErrorKind::Busy, "no session secret could be drawn")
                .with_source(error)
        })?;
        Ok(Self(secret))
    }

    /// Reads the text form. Returns `None` if the text does not have that form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let mut bytes = Zeroizing::new([0; 32]);
        let length = Base64UrlUnpadded::decode(text, &mut *bytes).ok()?.len();
        (length == 32).then_some(Self(bytes))
    }

    /// Returns the text form, for a cookie.
    #[must_use]
    pub fn expose(&self) -> String {
        Base64UrlUnpadded::encode_string(&*self.0)
    }

    pub(in crate::adapters) fn hash(&self) -> [u8; 32] {
        Sha256::digest(*self.0).into()
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::adapters::SystemEntropy;

    #[test]
    fn what_is_stored_of_a_session_does_not_open_it() {
        let token = SessionToken::generate(&SystemEntropy::new()).unwrap();
        let again = SessionToken::parse(&token.expose()).unwrap();

        assert_eq!(again.hash(), token.hash());
        assert_ne!(token.hash(), *token.0);
    }
}
