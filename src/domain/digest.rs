//! Keyed digests over length-prefixed, domain-separated fields.

use core::fmt;

use hmac::{Hmac, Mac};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::{
    Code, CodeFormat, TenantId,
    one_block::{Block, OneBlockMac},
};

/// The purpose of a digest. Two purposes never give the same digest for the same fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Purpose {
    /// The id of the reset that an assistance code opens, and its grant.
    Assistance = 17,
    /// The hash of an address in the audit log.
    AuditSubject = 20,
    /// The key that seals the account that a reset is bound to.
    AccountSeal = 1,
    /// The facts besides the code that the code's digest covers.
    Binding = 3,
    /// The id of a change by a signed-in user.
    Change = 16,
    /// The digest of a code.
    Code = 4,
    /// The name of a counter.
    Counter = 5,
    /// A proof that a device has signed in before.
    Device = 6,
    /// The dummy password hash of an unknown address.
    DummyHash = 7,
    /// The code that freezes an account, its id, and the key that seals what it freezes.
    Freeze = 18,
    /// The secret of a grant.
    Grant = 8,
    /// The name of a key.
    KeyId = 9,
    /// The id of a lockout record.
    Lockout = 10,
    /// The key that seals what a client of the native API keeps between two steps.
    NativeSeal = 13,
    /// The secrets of a reset that is opened under a request key.
    Opening = 14,
    /// The key that seals what a browser keeps between two pages.
    PageSeal = 15,
    /// The list of the blocks of numbers to which no text is sent: its id, and the key that seals it.
    Stops = 21,
    /// The secret of a ticket.
    Ticket = 11,
    /// The part of a token that shows a forged one without looking anything up.
    TokenCheck = 12,
}

/// A SHA-256 output of a MAC or of a token.
///
/// # Security
/// There is no `==`. [`Digest::matches`] compares in constant time. `Debug` does not show the
/// digest.
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

/// The fields of one digest, each prefixed with its length.
#[derive(Clone)]
pub struct Fields(Hmac<Sha256>);

impl Digest {
    /// Returns the digest with these bytes, as read from a record.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the digest.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns whether two digests are equal, in constant time.
    #[must_use]
    pub fn matches(&self, other: &Self) -> bool {
        // Compare half by half, because byte by byte takes half as long as a compression.
        let [(a, b), (other_a, other_b)] = [self.halves(), other.halves()];
        (a.ct_eq(&other_a) & b.ct_eq(&other_b)).into()
    }

    fn halves(&self) -> (u128, u128) {
        let (first, second) = self.0.split_at(16);
        let half = |bytes: &[u8]| bytes.try_into().map_or(0, u128::from_le_bytes);
        (half(first), half(second))
    }

    /// Returns the first `N` bytes. If `N` exceeds 32, zeros follow.
    #[must_use]
    pub(crate) fn head<const N: usize>(&self) -> [u8; N] {
        let mut head = [0; N];
        head.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        head
    }

    /// Returns the unkeyed SHA-256 of a secret that is itself 256 random bits.
    pub(crate) fn of_secret(label: &str, secret: &[u8]) -> Self {
        let hash = Sha256::new().chain_update(label.as_bytes()).chain_update([0]);
        Self(hash.chain_update(secret).finalize().into())
    }

    /// Returns the digest of a code. Its message of 50 bytes fits one block. A comparison therefore
    /// costs two compressions, however long the tenant, account and address are.
    pub(crate) fn of_code(key: &OneBlockMac, binding: &Self, code: &Code) -> Self {
        let mut block: Block = [0; 64];
        let (head, rest) = block.split_at_mut(2);
        let (middle, rest) = rest.split_at_mut(32);
        head.copy_from_slice(&[
            purpose_byte(Purpose::Code),
            match code.format() {
                CodeFormat::Digits => 8,
                CodeFormat::Letters => 16,
            },
        ]);
        middle.copy_from_slice(&binding.0);
        if let Some(tail) = rest.first_chunk_mut() {
            code.spell(tail);
        }
        let digest = key.of::<50>(&mut block);
        block.as_mut_slice().zeroize();
        Self(digest)
    }
}

impl Zeroize for Digest {
    fn zeroize(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest(…)")
    }
}

impl Fields {
    /// Begins a digest under a key.
    pub(crate) fn new(key: &Hmac<Sha256>, purpose: Purpose) -> Self {
        let mut mac = key.clone();
        mac.update(&[purpose_byte(purpose)]);
        Self(mac)
    }

    /// Adds the tenant.
    #[must_use]
    pub fn tenant(self, tenant: &TenantId) -> Self {
        self.text(tenant.as_str())
    }

    /// Adds a text.
    #[must_use]
    pub fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    /// Adds a number.
    #[must_use]
    pub fn number(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// Adds bytes, after their length.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Self {
        // Four bytes of length keep most messages within one block of the hash.
        self.0.update(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        self.0.update(bytes);
        self
    }

    /// Returns the finished digest.
    #[must_use]
    pub fn digest(self) -> Digest {
        Digest(self.0.finalize().into_bytes().into())
    }
}

impl fmt::Debug for Fields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fields(…)")
    }
}

#[expect(clippy::as_conversions, reason = "the one way to read a discriminant; repr(u8) is total")]
const fn purpose_byte(purpose: Purpose) -> u8 {
    purpose as u8
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::keyring::keyed;

    fn fields(purpose: Purpose) -> Fields {
        Fields::new(&keyed(&[7; 32]), purpose)
    }

    #[test]
    fn one_other_byte_anywhere_is_another_digest() {
        let digest = Digest::from_bytes([7; 32]);

        assert!(digest.matches(&Digest::from_bytes([7; 32])));
        for place in 0..32 {
            let mut bytes = [7; 32];
            bytes[place] ^= 1;
            assert!(!digest.matches(&Digest::from_bytes(bytes)), "byte {place}");
        }
    }

    #[test]
    fn fields_and_purposes_are_told_apart() {
        let of = |fields: Fields| fields.digest();
        let plain = of(fields(Purpose::Grant).text("ab").text("c"));

        assert!(plain.matches(&of(fields(Purpose::Grant).text("ab").text("c"))));
        assert!(!plain.matches(&of(fields(Purpose::Grant).text("a").text("bc"))));
        assert!(!plain.matches(&of(fields(Purpose::Grant).text("abc"))));
        assert!(!plain.matches(&of(fields(Purpose::Ticket).text("ab").text("c"))));
    }
}
