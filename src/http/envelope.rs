//! Envelopes, which a front hands to a client for later. Only this service can read them.

use base64ct::{Base64UrlUnpadded, Encoding};
use zeroize::Zeroizing;

use crate::{
    domain::{Digest, Entropy, EntropyUnavailable, Fields, Purpose, Sealed, Timestamp},
    engine::Sspr,
    error::Error,
};

/// The step size of padding. Plaintexts are padded to a multiple of it.
const STEP: usize = 128;
/// The longest text that is opened. No cookie and no token is longer.
const LONGEST: usize = 8 * 1024;

/// The keys of one front, derived once.
#[derive(Clone)]
pub(super) struct Envelopes {
    sspr: Sspr,
    /// One for each key that signs or is accepted, the signing key's first.
    keys: Zeroizing<Vec<Digest>>,
}

impl Envelopes {
    /// Derives the keys for one purpose.
    pub(super) fn new(sspr: &Sspr, purpose: Purpose) -> Self {
        let keys = sspr.inner.keys.each(purpose).map(Fields::digest).collect();
        Self { keys: Zeroizing::new(keys), sspr: sspr.clone() }
    }

    /// Seals `plain` under the signing key, for the context that `about` names.
    pub(super) fn seal(&self, about: &str, plain: &[u8]) -> Result<String, Error> {
        // A keyring always has a signing key.
        let Some(key) = self.keys.first() else { return Err(EntropyUnavailable::new().into()) };
        let (size, entropy) = (plain.len().next_multiple_of(STEP), &*self.sspr.inner.entropy);
        let sealed = Sealed::seal(key, about.as_bytes(), plain, size, entropy)?;
        Ok(Base64UrlUnpadded::encode_string(sealed.as_bytes()))
    }

    /// Opens an envelope of [`Envelopes::seal`], under any key that is still accepted.
    pub(super) fn open(&self, about: &str, text: &str) -> Option<Zeroizing<Vec<u8>>> {
        if text.len() > LONGEST {
            return None;
        }
        let sealed = Sealed::from_bytes(&Base64UrlUnpadded::decode_vec(text).ok()?);
        self.keys.iter().find_map(|key| sealed.open(key, about.as_bytes()).ok())
    }
}

impl core::fmt::Debug for Envelopes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Envelopes(…)")
    }
}

impl Sspr {
    /// Returns the source of randomness.
    pub(crate) fn entropy(&self) -> &dyn Entropy {
        &*self.inner.entropy
    }

    /// Returns true if passwords are looked up among those that have leaked.
    pub(crate) fn checks_breaches(&self) -> bool {
        self.inner.breaches.is_some()
    }

    /// Returns true if this service has a sender for text messages.
    pub(crate) fn sends_texts(&self) -> bool {
        self.inner.sms.is_some()
    }

    /// Returns the current time of the process.
    pub(crate) fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }
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
        let stranger = service(&Keyring::generate(&SystemEntropy::new()).unwrap());
        let pages = |sspr: &Sspr| Envelopes::new(sspr, Purpose::PageSeal);
        let own = pages(&service(&keys));
        let text = own.seal("contoso", b"a journey").unwrap();

        let open =
            |envelopes: &Envelopes, about| envelopes.open(about, &text).map(|it| it.to_vec());
        assert_eq!(open(&own, "contoso").unwrap(), b"a journey");
        assert_eq!(open(&pages(&service(&keys)), "contoso").unwrap(), b"a journey");
        assert!(open(&Envelopes::new(&service(&keys), Purpose::NativeSeal), "contoso").is_none());
        assert!(open(&own, "fabrikam").is_none());
        assert!(open(&pages(&stranger), "contoso").is_none());
        assert!(own.open("contoso", "not sealed").is_none());
    }

    #[test]
    fn what_a_key_sealed_before_a_rotation_opens_while_the_key_is_accepted() {
        let key = |seed: u8| {
            let bytes: Vec<u8> =
                (0..32_u8).map(|i| i.wrapping_mul(37).wrapping_add(seed)).collect();
            Base64UrlUnpadded::encode_string(&bytes)
        };
        let ring = |text: String| {
            let sspr = service(&Keyring::parse(&text).unwrap());
            Envelopes::new(&sspr, Purpose::NativeSeal)
        };
        let before = ring(format!("sign={} index={}", key(1), key(9)));
        let rotated = ring(format!("sign={} accept={} index={}", key(2), key(1), key(9)));
        let retired = ring(format!("sign={} index={}", key(2), key(9)));

        let text = before.seal("contoso", b"a journey").unwrap();
        assert_eq!(rotated.open("contoso", &text).unwrap().to_vec(), b"a journey");
        assert!(retired.open("contoso", &text).is_none());
        let text = rotated.seal("contoso", b"a journey").unwrap();
        assert!(before.open("contoso", &text).is_none(), "sealed under the new key");
    }

    #[test]
    fn a_length_tells_no_more_than_how_many_steps_of_128_bytes() {
        let sspr = service(&Keyring::generate(&SystemEntropy::new()).unwrap());
        let envelopes = Envelopes::new(&sspr, Purpose::PageSeal);
        let length = |bytes: usize| envelopes.seal("contoso", &vec![1; bytes]).unwrap().len();

        assert_eq!(length(1), length(STEP));
        assert!(length(STEP) < length(STEP + 1));
        assert_eq!(length(STEP + 1), length(2 * STEP));
    }

    #[test]
    fn up_to_eight_kibibytes_are_opened_and_nothing_longer() {
        let sspr = service(&Keyring::generate(&SystemEntropy::new()).unwrap());
        let envelopes = Envelopes::new(&sspr, Purpose::PageSeal);
        // The largest number of steps that fits. A sealed text is a third longer than its bytes,
        // and it has a nonce and a tag.
        let sealed = |steps: usize| envelopes.seal("contoso", &vec![1; steps * STEP]).unwrap();
        let (most, over) = (sealed(47), sealed(48));
        assert!(most.len() <= 8192 && over.len() > 8192, "{} {}", most.len(), over.len());

        assert!(envelopes.open("contoso", &most).is_some());
        assert!(envelopes.open("contoso", &over).is_none());
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
