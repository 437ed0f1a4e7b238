//! The secrets of a reset: flow token, grant, ticket and device proof.

use core::fmt;

use base64ct::{Base64UrlUnpadded, Encoding};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use thiserror::Error;
use zeroize::Zeroizing;

use super::{
    Application, Digest, EmailAddress, Entropy, EntropyUnavailable, Keyring, Purpose, RecordId,
    Stamp, TenantId, Timestamp,
};

const SECRET: usize = 32;
const CHECK: usize = 16;
const TOKEN: usize = RecordId::BYTES + Scope::BYTES + SECRET + CHECK;
const PROOF: usize = 16 + 16 + 8 + 16;

/// Eight bytes that stand for one tenant's application. Not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope([u8; Self::BYTES]);

impl Scope {
    const BYTES: usize = 8;

    /// Returns the scope of an application.
    #[must_use]
    pub fn of(application: &Application) -> Self {
        // Neither name can contain NUL.
        let hash = Sha256::new()
            .chain_update(b"sspr scope\0")
            .chain_update(application.tenant.as_str())
            .chain_update([0])
            .chain_update(application.id.as_str());
        Self(Digest::from_bytes(hash.finalize().into()).head())
    }

    /// Returns the bytes of the scope. They are not a secret.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }
}

/// The error for a text that is not a secret of the expected kind.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("{0}: not of the form that this service gives out")]
#[non_exhaustive]
pub struct TokenError(&'static str);

debug_is_text!(TokenError);

/// Returns room for a secret that never moves.
fn empty() -> Box<Zeroizing<[u8; TOKEN]>> {
    Box::new(Zeroizing::new([0; TOKEN]))
}

macro_rules! secret_type {
    ($(#[$doc:meta])* $name:ident, $label:literal, $kind:literal) => {
        $(#[$doc])*
        ///
        /// Consists of a record id, a scope, 256 secret bits, and a check that is made with the
        /// server's key. A forged secret is recognised without a look-up and charges nothing. The
        /// store holds only the SHA-256 of the secret.
        ///
        /// # Security
        /// The secret is on the heap and wiped on drop, so that moves leave no copies. `Debug` is
        /// redacted. There is no `Display`, `Serialize` or `==`, and only `expose` shows the
        /// secret. Keep it out of URLs and logs.
        pub struct $name(Box<Zeroizing<[u8; TOKEN]>>);

        impl $name {
            /// Reads the text form: 107 characters of base64url.
            ///
            /// # Errors
            /// [`TokenError`] names the kind of secret, never the input.
            pub fn parse(text: &str) -> Result<Self, TokenError> {
                let mut bytes = empty();
                read(text, &mut **bytes).ok_or(TokenError($label)).map(|()| Self(bytes))
            }

            /// Returns the text form, for the browser that the secret belongs to.
            #[must_use]
            pub fn expose(&self) -> String {
                Base64UrlUnpadded::encode_string(&**self.0)
            }

            /// Returns the record that the secret opens.
            #[must_use]
            pub fn record(&self) -> RecordId {
                RecordId::from_bytes(part(&**self.0, 0))
            }

            /// Returns the application for which the secret was made.
            #[must_use]
            pub fn scope(&self) -> Scope {
                Scope(part(&**self.0, RecordId::BYTES))
            }

            /// Creates the secret from its parts. It has a check under the key that `check_fields`
            /// began with.
            pub(crate) fn new(
                record: &RecordId,
                scope: Scope,
                secret: &Digest,
                check_fields: super::Fields,
            ) -> Self {
                let check = check($kind, record, scope, secret, check_fields);
                let mut bytes = empty();
                let parts = record.as_bytes().iter().chain(&scope.0).chain(secret.as_bytes());
                let parts = parts.chain(&check);
                bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = *from);
                Self(bytes)
            }

            /// Returns true if this server made the secret, under a key that is still accepted.
            pub(crate) fn is_genuine(&self, keys: &Keyring) -> bool {
                let given: [u8; CHECK] = part(&**self.0, TOKEN - CHECK);
                let (record, scope, secret) = (self.record(), self.scope(), self.secret());
                keys.each(Purpose::TokenCheck)
                    .map(|fields| check($kind, &record, scope, &secret, fields).ct_eq(&given))
                    .fold(false, |genuine, equal| genuine | bool::from(equal))
            }

            /// Returns the hash that the record holds of the secret.
            pub(crate) fn hash(&self) -> Digest {
                Digest::of_secret($kind, &**self.0)
            }

            pub(crate) fn secret(&self) -> Digest {
                Digest::from_bytes(part(&**self.0, RecordId::BYTES + Scope::BYTES))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(…)"))
            }
        }
    };
}

secret_type!(
    /// Opens one reset. Held by the browser that asked for the reset.
    FlowToken,
    "flow token",
    "flow"
);
secret_type!(
    /// Permits one new password. Obtained only by a right code.
    Grant,
    "grant",
    "grant"
);
secret_type!(
    /// Exchanged for one sign-in. Obtained only by a finished reset.
    Ticket,
    "ticket",
    "ticket"
);

impl FlowToken {
    /// Generates the token of a new reset.
    pub(crate) fn generate(
        record: &RecordId,
        scope: Scope,
        keys: &Keyring,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyUnavailable> {
        let mut secret = Zeroizing::new([0; SECRET]);
        entropy.fill(&mut *secret)?;
        Ok(Self::new(record, scope, &Digest::from_bytes(*secret), keys.sign(Purpose::TokenCheck)))
    }

    /// Returns the key that only the holder of this token can derive.
    pub(crate) fn seal_key(&self) -> Digest {
        // The sealed text names the record, and the secret is drawn for one record alone.
        Digest::of_secret("sspr address seal", self.secret().as_bytes())
    }
}

/// Shows that a device has signed in with this address before. Opens the trusted lane.
///
/// A sign-in or a redeemed ticket gives out the proof. It is valid for 180 days and only for its
/// tenant and address. It is bound to the account's stamp: after a reset, an older proof permits no
/// more mails than no proof. The proof authenticates no user. It only keeps the counters of
/// strangers apart from the counters of the device's owner.
pub struct DeviceProof(Zeroizing<[u8; PROOF]>);

/// A device whose proof is genuine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) id: [u8; 16],
    /// The mark of the stamp that the account had at the sign-in.
    stamp: [u8; 16],
}

impl DeviceProof {
    /// How long a proof opens the trusted lane: 180 days.
    pub const LIFETIME: core::time::Duration = core::time::Duration::from_secs(180 * 24 * 3600);

    /// Reads the text form: 75 characters of base64url.
    ///
    /// # Errors
    /// [`TokenError`] if the text is not a device proof.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::DeviceProof;
    ///
    /// // A cookie that somebody has changed opens no trusted lane.
    /// assert!(DeviceProof::parse("v1.changed").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, TokenError> {
        let mut bytes = Zeroizing::new([0; PROOF]);
        read(text, &mut *bytes).ok_or(TokenError("device proof")).map(|()| Self(bytes))
    }

    /// Returns the text form, for a long-lived cookie of the device that signed in.
    #[must_use]
    pub fn expose(&self) -> String {
        Base64UrlUnpadded::encode_string(&*self.0)
    }

    /// Generates a proof for a device that has just signed in.
    pub(crate) fn generate(
        tenant: &TenantId,
        address: &EmailAddress,
        stamp: &Stamp,
        keys: &Keyring,
        now: Timestamp,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyUnavailable> {
        let mut id = [0; 16];
        entropy.fill(&mut id)?;
        let ends_at = now.after(Self::LIFETIME).as_micros().to_be_bytes();
        let stamp = stamp_tag(keys.sign(Purpose::Device), &id, stamp);
        let fields = keys.sign(Purpose::Device).tenant(tenant).text(address.as_str());
        let mac = fields.bytes(&id).bytes(&stamp).bytes(&ends_at).digest().head::<16>();
        let mut bytes = Zeroizing::new([0; PROOF]);
        let parts = id.into_iter().chain(stamp).chain(ends_at).chain(mac);
        bytes.iter_mut().zip(parts).for_each(|(to, from)| *to = from);
        Ok(Self(bytes))
    }

    /// Returns the device, if the proof names this tenant and address and has not expired.
    pub(crate) fn device(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
        keys: &Keyring,
        now: Timestamp,
    ) -> Option<Device> {
        let bytes = &*self.0;
        let (id, stamp) = (part::<16>(bytes, 0), part::<16>(bytes, 16));
        let (ends_at, mac) = (part::<8>(bytes, 32), part::<16>(bytes, 40));
        let fields = |fields: super::Fields| {
            let fields = fields.tenant(tenant).text(address.as_str());
            fields.bytes(&id).bytes(&stamp).bytes(&ends_at).digest().head::<16>()
        };
        let genuine = keys
            .each(Purpose::Device)
            .fold(false, |known, each| known | bool::from(fields(each).ct_eq(&mac)));
        let alive = now < Timestamp::from_micros(i64::from_be_bytes(ends_at));
        (genuine && alive).then_some(Device { id, stamp })
    }
}

impl Device {
    /// Returns true if the account still has the stamp that it had at the sign-in.
    pub(crate) fn is_current(&self, stamp: &Stamp, keys: &Keyring) -> bool {
        keys.each(Purpose::Device)
            .map(|fields| stamp_tag(fields, &self.id, stamp))
            .fold(false, |known, tag| known | bool::from(tag.ct_eq(&self.stamp)))
    }
}

fn stamp_tag(fields: super::Fields, device: &[u8; 16], stamp: &Stamp) -> [u8; 16] {
    fields.text("stamp").bytes(device).bytes(stamp.as_bytes()).digest().head()
}

impl fmt::Debug for DeviceProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("DeviceProof(…)")
    }
}

fn check(
    kind: &str,
    record: &RecordId,
    scope: Scope,
    secret: &Digest,
    fields: super::Fields,
) -> [u8; CHECK] {
    let fields = fields.text(kind).bytes(record.as_bytes()).bytes(&scope.0);
    fields.bytes(secret.as_bytes()).digest().head()
}

fn read(text: &str, bytes: &mut [u8]) -> Option<()> {
    // Three bytes take four characters. A text of another length is refused before decoding.
    if text.len() != (bytes.len() * 4).div_ceil(3) {
        return None;
    }
    let length = Base64UrlUnpadded::decode(text, bytes).ok()?.len();
    (length == bytes.len()).then_some(())
}

/// Returns `N` bytes from `start` on, with zeros where `bytes` has none.
fn part<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    let mut part = [0; N];
    part.iter_mut().zip(bytes.iter().skip(start)).for_each(|(to, from)| *to = *from);
    part
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug)]
    struct Counting(std::sync::atomic::AtomicU8);

    impl Entropy for Counting {
        fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyUnavailable> {
            for byte in bytes {
                *byte = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            }
            Ok(())
        }
    }

    fn world() -> (Counting, Keyring, TenantId, Scope) {
        let entropy = Counting(std::sync::atomic::AtomicU8::new(0));
        let keys = Keyring::generate(&entropy).unwrap();
        let tenant = TenantId::parse("contoso").unwrap();
        let scope = Scope::of(&Application::new("contoso", "sign-in", "shop").unwrap());
        (entropy, keys, tenant, scope)
    }

    #[test]
    fn a_token_round_trips_and_is_genuine() {
        let (entropy, keys, tenant, scope) = world();
        let record = RecordId::generate(tenant.tag(), &entropy).unwrap();
        let token = FlowToken::generate(&record, scope, &keys, &entropy).unwrap();

        let read = FlowToken::parse(&token.expose()).unwrap();

        assert_eq!(token.expose().len(), 107);
        assert_eq!((read.record(), read.scope()), (record, scope));
        assert!(read.is_genuine(&keys) && read.hash().matches(&token.hash()));
    }

    #[test]
    fn a_forged_or_foreign_token_is_not_genuine() {
        let (entropy, keys, tenant, scope) = world();
        let record = RecordId::generate(tenant.tag(), &entropy).unwrap();
        let token = FlowToken::generate(&record, scope, &keys, &entropy).unwrap();
        let text = token.expose();

        for place in [0, 40, 60, 90, 105] {
            let mut forged: Vec<u8> = text.bytes().collect();
            forged[place] = if forged[place] == b'A' { b'B' } else { b'A' };
            let forged = FlowToken::parse(std::str::from_utf8(&forged).unwrap()).unwrap();
            assert!(!forged.is_genuine(&keys), "place {place}");
        }
        assert!(!Grant::parse(&text).unwrap().is_genuine(&keys));
        assert!(!token.is_genuine(&Keyring::generate(&entropy).unwrap()));
    }

    #[test]
    fn each_token_seals_under_a_key_of_its_own() {
        let (entropy, keys, tenant, scope) = world();
        let record = RecordId::generate(tenant.tag(), &entropy).unwrap();
        let draw = || FlowToken::generate(&record, scope, &keys, &entropy).unwrap();

        assert!(!draw().seal_key().matches(&draw().seal_key()));
    }

    #[test]
    fn a_scope_names_tenant_and_application() {
        let scope = |tenant, application| {
            Scope::of(&Application::new(tenant, "sign-in", application).unwrap())
        };
        assert_eq!(scope("contoso", "shop"), scope("contoso", "shop"));
        assert_ne!(scope("contoso", "shop"), scope("fabrikam", "shop"));
        assert_ne!(scope("contoso", "shop"), scope("contoso", "desk"));
        assert_ne!(scope("ab", "c"), scope("a", "bc"));
    }

    #[test]
    fn malformed_tokens_are_refused_by_name() {
        for text in
            ["", "x", &"A".repeat(106), &"A".repeat(108), &"!".repeat(107), &"A".repeat(1 << 20)]
        {
            let error = Ticket::parse(text).unwrap_err();
            assert_eq!(error.to_string(), "ticket: not of the form that this service gives out");
        }
    }

    const NOW: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn proof(world: &(Counting, Keyring, TenantId, Scope), stamp: u8) -> DeviceProof {
        let (entropy, keys, tenant, _) = world;
        let ada = EmailAddress::parse("ada@x.example").unwrap();
        let stamp = Stamp::from_bytes([stamp; 16]);
        let proof = DeviceProof::generate(tenant, &ada, &stamp, keys, NOW, entropy).unwrap();
        assert_eq!(proof.expose().len(), 75);
        DeviceProof::parse(&proof.expose()).unwrap()
    }

    #[test]
    fn a_device_proof_names_one_address_of_one_tenant() {
        let world = world();
        let (proof, (entropy, keys, tenant, _)) = (proof(&world, 1), &world);
        let ada = EmailAddress::parse("ada@x.example").unwrap();
        let other = EmailAddress::parse("eve@x.example").unwrap();
        let elsewhere = TenantId::parse("fabrikam").unwrap();
        let stranger = Keyring::generate(entropy).unwrap();

        assert!(proof.device(tenant, &ada, keys, NOW).is_some());
        assert!(proof.device(tenant, &other, keys, NOW).is_none());
        assert!(proof.device(&elsewhere, &ada, keys, NOW).is_none());
        assert!(proof.device(tenant, &ada, &stranger, NOW).is_none());
    }

    #[test]
    fn a_device_proof_ends_after_180_days() {
        let world = world();
        let (proof, (_, keys, tenant, _)) = (proof(&world, 1), &world);
        let ada = EmailAddress::parse("ada@x.example").unwrap();
        let end = NOW.after(core::time::Duration::from_secs(180 * 24 * 3600));

        let last = Timestamp::from_micros(end.as_micros() - 1);
        assert!(proof.device(tenant, &ada, keys, last).is_some());
        assert!(proof.device(tenant, &ada, keys, end).is_none());
    }

    #[test]
    fn a_device_proof_is_bound_to_the_stamp_and_to_its_device() {
        let world = world();
        let (_, keys, tenant, _) = &world;
        let ada = EmailAddress::parse("ada@x.example").unwrap();
        let device = |proof: &DeviceProof| proof.device(tenant, &ada, keys, NOW).unwrap();
        let (one, other) = (device(&proof(&world, 1)), device(&proof(&world, 1)));

        assert!(one.is_current(&Stamp::from_bytes([1; 16]), keys));
        assert!(!one.is_current(&Stamp::from_bytes([2; 16]), keys));
        assert_ne!((one.id, one.stamp), (other.id, other.stamp), "nobody can link two devices");
    }

    #[test]
    fn every_byte_of_a_token_and_of_a_proof_counts() {
        let (entropy, keys, tenant, scope) = world();
        let record = RecordId::generate(tenant.tag(), &entropy).unwrap();
        let token = FlowToken::generate(&record, scope, &keys, &entropy).unwrap();
        for place in 0..TOKEN {
            let mut forged = FlowToken::parse(&token.expose()).unwrap();
            forged.0[place] ^= 1;
            assert!(!forged.is_genuine(&keys), "byte {place}");
            assert!(!forged.hash().matches(&token.hash()), "byte {place}");
        }
        let ada = EmailAddress::parse("ada@x.example").unwrap();
        let stamp = Stamp::from_bytes([1; 16]);
        let mut proof = DeviceProof::generate(&tenant, &ada, &stamp, &keys, NOW, &entropy).unwrap();
        for place in 0..PROOF {
            proof.0[place] ^= 1;
            assert!(proof.device(&tenant, &ada, &keys, NOW).is_none(), "byte {place}");
            proof.0[place] ^= 1;
        }
        assert_eq!(proof.device(&tenant, &ada, &keys, NOW).unwrap().id, proof.0[..16]);
    }
}
