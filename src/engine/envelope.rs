//! Envelopes: what a front hands to a client to bring back, and nobody but this service reads.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::{
    domain::{Digest, Entropy, Fields, Instant, Purpose, Sealed},
    error::Error,
};

use super::Sspr;

/// Plaintexts are padded to a multiple of this.
const STEP: usize = 128;
/// Longest text that is opened: no cookie and no token is longer.
const LONGEST: usize = 8 * 1024;

impl Sspr {
    /// Seals `plain` under the signing key, for `purpose` and the context that `about` names.
    pub(crate) fn seal(
        &self,
        purpose: Purpose,
        about: &str,
        plain: &[u8],
    ) -> Result<String, Error> {
        let key = seal_key(self.inner.keys.sign(purpose));
        let size = plain.len().next_multiple_of(STEP);
        let sealed = Sealed::seal(&key, about.as_bytes(), plain, size, &*self.inner.entropy)?;
        Ok(Base64UrlUnpadded::encode_string(sealed.as_bytes()))
    }

    /// Opens what [`Sspr::seal`] made, under any key that is still accepted.
    pub(crate) fn unseal(
        &self,
        purpose: Purpose,
        about: &str,
        text: &str,
    ) -> Option<Zeroizing<Vec<u8>>> {
        if text.len() > LONGEST {
            return None;
        }
        let sealed = Sealed::from_bytes(&Base64UrlUnpadded::decode_vec(text).ok()?);
        let mut keys = self.inner.keys.each(purpose).map(seal_key);
        keys.find_map(|key| sealed.open(&key, about.as_bytes()).ok())
    }

    /// The source of randomness.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    /// The process's time.
    pub(crate) fn now(&self) -> Instant {
        self.inner.clock.now()
    }
}

fn seal_key(fields: Fields) -> Digest {
    fields.digest()
}
