//! Envelopes, which a front hands to a client for later. Only this service can read them.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::{
    domain::{Digest, Entropy, Fields, Purpose, Sealed, Timestamp},
    engine::Sspr,
    error::Error,
};

/// The step size of padding. Plaintexts are padded to a multiple of it.
const STEP: usize = 128;
/// The longest text that is opened. No cookie and no token is longer.
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

    /// Opens an envelope of [`Sspr::seal`], under any key that is still accepted.
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

    /// Returns the source of randomness.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    /// Returns true if passwords are looked up among those that have leaked.
    pub(crate) fn checks_breaches(&self) -> bool {
        self.inner.breaches.is_some()
    }

    /// Returns the current time of the process.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
}

fn seal_key(fields: Fields) -> Digest {
    fields.digest()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Keyring, TenantPolicy,
        adapters::{ManualClock, MemoryCodes, MemoryPolicies, MemoryUsers, SystemEntropy},
    };

    fn service(keys: &Keyring) -> Sspr {
        let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
        Sspr::builder(MemoryUsers::new(), MemoryCodes::new(), policies, keys.clone())
            .with_clock(ManualClock::new(Timestamp::from_micros(7)))
            .build()
            .0
    }

    #[test]
    fn what_is_sealed_opens_again_for_its_purpose_and_context_alone() {
        let keys = Keyring::generate(&SystemEntropy::new()).unwrap();
        let (sspr, stranger) =
            (service(&keys), service(&Keyring::generate(&SystemEntropy::new()).unwrap()));
        let text = sspr.seal(Purpose::PageSeal, "contoso", b"a journey").unwrap();

        let open =
            |sspr: &Sspr, purpose, about| sspr.unseal(purpose, about, &text).map(|it| it.to_vec());
        assert_eq!(open(&sspr, Purpose::PageSeal, "contoso").unwrap(), b"a journey");
        assert_eq!(open(&service(&keys), Purpose::PageSeal, "contoso").unwrap(), b"a journey");
        assert!(open(&sspr, Purpose::NativeSeal, "contoso").is_none());
        assert!(open(&sspr, Purpose::PageSeal, "fabrikam").is_none());
        assert!(open(&stranger, Purpose::PageSeal, "contoso").is_none());
        assert!(sspr.unseal(Purpose::PageSeal, "contoso", "not sealed").is_none());
    }

    #[test]
    fn a_length_tells_no_more_than_how_many_steps_of_128_bytes() {
        let sspr = service(&Keyring::generate(&SystemEntropy::new()).unwrap());
        let length =
            |bytes: usize| sspr.seal(Purpose::PageSeal, "contoso", &vec![1; bytes]).unwrap().len();

        assert_eq!(length(1), length(STEP));
        assert!(length(STEP) < length(STEP + 1));
        assert_eq!(length(STEP + 1), length(2 * STEP));
    }

    #[test]
    fn up_to_eight_kibibytes_are_opened_and_nothing_longer() {
        let sspr = service(&Keyring::generate(&SystemEntropy::new()).unwrap());
        // The largest number of steps that fits. A sealed text is a third longer than its bytes,
        // and it has a nonce and a tag.
        let sealed =
            |steps: usize| sspr.seal(Purpose::PageSeal, "contoso", &vec![1; steps * STEP]).unwrap();
        let (most, over) = (sealed(47), sealed(48));
        assert!(most.len() <= 8192 && over.len() > 8192, "{} {}", most.len(), over.len());

        assert!(sspr.unseal(Purpose::PageSeal, "contoso", &most).is_some());
        assert!(sspr.unseal(Purpose::PageSeal, "contoso", &over).is_none());
    }

    #[test]
    fn a_front_has_the_engines_time_and_randomness() {
        let sspr = service(&Keyring::generate(&SystemEntropy::new()).unwrap());
        let (mut one, mut other) = ([0; 32], [0; 32]);
        sspr.entropy().fill(&mut one).unwrap();
        sspr.entropy().fill(&mut other).unwrap();

        assert_ne!(one, other);
        assert_eq!(sspr.now(), Timestamp::from_micros(7));
    }
}
