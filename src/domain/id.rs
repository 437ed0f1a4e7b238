//! Identifiers: the names that the host chooses, and the id of one record.

use core::fmt;
use std::sync::Arc;

use sha2::{Digest as _, Sha256};
use thiserror::Error;

use super::{Entropy, EntropyUnavailable, characters::is_unseen};

/// The longest name in bytes.
const MAX_BYTES: usize = 128;

/// The reason why a name is not a valid identifier.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdError {
    /// The name has a control character, an invisible character, or white space at an end.
    #[error(
        "{0}: control characters, invisible characters and surrounding white space are not allowed"
    )]
    Characters(&'static str),
    /// The name is empty.
    #[error("{0}: must not be empty")]
    Empty(&'static str),
    /// The name is longer than 128 bytes.
    #[error("{0}: must have at most 128 bytes")]
    TooLong(&'static str),
}

debug_is_text!(IdError);

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $field:literal) => {
        $(#[$doc])*
        ///
        /// Has 1 to 128 bytes without control characters and invisible characters. Identifiers are
        /// compared exactly.
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Reads an identifier.
            ///
            /// # Errors
            /// [`IdError`] names the field and the broken rule.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                check($field, text).map(|()| Self(text.into()))
            }

            /// Returns the identifier as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_type!(
    /// An account of the host's user store, unique within its tenant.
    AccountId,
    "account"
);
name_type!(
    /// A member of staff who acts for an account.
    ActorId,
    "actor"
);
name_type!(
    /// An application that customers sign in to.
    ApplicationId,
    "application"
);
name_type!(
    /// The id that ties one request's events, logs and answers together.
    CorrelationId,
    "correlation id"
);
name_type!(
    /// A group of accounts that a policy can include or exclude.
    GroupId,
    "group"
);
name_type!(
    /// The administrator's sign-up and sign-in configuration.
    UserFlowId,
    "user flow"
);

/// The administrative boundary. Every key, digest and counter carries it.
///
/// Has 1 to 128 bytes without control characters and invisible characters. Identifiers are
/// compared exactly.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantId {
    name: Arc<str>,
    /// Made once, because many digests and names need it.
    tag: TenantTag,
}

impl TenantId {
    /// Reads an identifier.
    ///
    /// # Errors
    /// [`IdError`] names the field and the broken rule.
    pub fn parse(text: &str) -> Result<Self, IdError> {
        check("tenant", text)?;
        let hash = Sha256::new().chain_update(b"sspr tenant\0").chain_update(text.as_bytes());
        let mut tag = [0; 8];
        tag.copy_from_slice(hash.finalize().split_at(8).0);
        Ok(Self { name: text.into(), tag: TenantTag(tag) })
    }

    /// Returns the identifier as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.name
    }

    /// Returns the short form with which record ids and counter names begin.
    #[must_use]
    pub const fn tag(&self) -> TenantTag {
        self.tag
    }
}

impl fmt::Debug for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("TenantId").field(&self.name).finish()
    }
}

impl fmt::Display for TenantId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// Eight bytes that stand for a tenant in record ids and counter names. A store can therefore keep
/// all keys of a tenant together. The tag is not a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TenantTag([u8; 8]);

impl TenantTag {
    /// Returns the bytes of the tag.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 8] {
        &self.0
    }

    pub(crate) const fn from_bytes(bytes: [u8; 8]) -> Self {
        Self(bytes)
    }
}

/// The id of one record in the code store: the tenant's tag and 128 random bits.
///
/// The id is not a secret and may appear in logs. It opens nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RecordId([u8; RecordId::BYTES]);

impl RecordId {
    /// The length of an id in bytes.
    pub const BYTES: usize = 24;

    /// Generates the id of a new record.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if there is no randomness.
    pub fn generate(tenant: TenantTag, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let mut unique = [0; 16];
        entropy.fill(&mut unique)?;
        Ok(Self::from_parts(tenant, unique))
    }

    /// Creates an id from its two halves.
    #[must_use]
    pub fn from_parts(tenant: TenantTag, unique: [u8; 16]) -> Self {
        let mut bytes = [0; Self::BYTES];
        let (head, tail) = bytes.split_at_mut(8);
        head.copy_from_slice(&tenant.0);
        tail.copy_from_slice(&unique);
        Self(bytes)
    }

    /// Returns the id with these bytes, as read from a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Returns the part that no other record of the tenant has.
    pub(crate) fn unique(&self) -> [u8; 16] {
        let mut unique = [0; 16];
        unique.copy_from_slice(self.0.split_at(8).1);
        unique
    }

    /// Reads the text that `Display` writes.
    pub(crate) fn from_hexadecimal(text: &str) -> Option<Self> {
        let (mut bytes, text) = ([0; Self::BYTES], text.as_bytes());
        let is_hexadecimal =
            text.len() == 2 * Self::BYTES && text.iter().all(u8::is_ascii_hexdigit);
        for (byte, digits) in bytes.iter_mut().zip(text.chunks(2)) {
            *byte = u8::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()?;
        }
        is_hexadecimal.then_some(Self(bytes))
    }

    /// Returns the bytes of the id.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; Self::BYTES] {
        &self.0
    }

    /// Returns the tag of the tenant that the record belongs to.
    #[must_use]
    pub fn tenant_tag(&self) -> TenantTag {
        let mut tag = [0; 8];
        tag.copy_from_slice(self.0.split_at(8).0);
        TenantTag(tag)
    }
}

impl fmt::Debug for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

fn check(field: &'static str, text: &str) -> Result<(), IdError> {
    if text.is_empty() {
        Err(IdError::Empty(field))
    } else if text.len() > MAX_BYTES {
        Err(IdError::TooLong(field))
    } else if text.trim() != text || text.chars().any(is_unseen) {
        Err(IdError::Characters(field))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_name_is_refused_with_field_and_rule() {
        let long = "a".repeat(129);
        assert_eq!(TenantId::parse(""), Err(IdError::Empty("tenant")));
        assert_eq!(TenantId::parse(&long), Err(IdError::TooLong("tenant")));
        assert_eq!(AccountId::parse("a\0b"), Err(IdError::Characters("account")));
        assert_eq!(GroupId::parse(" a"), Err(IdError::Characters("group")));
    }

    #[test]
    fn a_name_has_no_character_that_nobody_sees() {
        for bad in ["a\u{2028}b", "a\u{2029}b", "\u{202e}ada", "a\u{200b}", "a\u{ad}b", "\u{feff}a"]
        {
            assert_eq!(ActorId::parse(bad), Err(IdError::Characters("actor")), "{bad:?}");
            assert_eq!(TenantId::parse(bad), Err(IdError::Characters("tenant")), "{bad:?}");
            assert_eq!(AccountId::parse(bad), Err(IdError::Characters("account")), "{bad:?}");
        }
        assert!(ActorId::parse("Zo\u{eb} \u{645}\u{4e2d}").is_ok());
    }

    #[test]
    fn tenants_that_differ_in_case_have_different_tags() {
        let tag = |name| TenantId::parse(name).unwrap().tag();
        assert_ne!(tag("contoso"), tag("Contoso"));
    }

    #[test]
    fn a_record_id_keeps_its_tenant() {
        let tenant = TenantId::parse("contoso").unwrap().tag();
        assert_eq!(RecordId::from_parts(tenant, [7; 16]).tenant_tag(), tenant);
    }

    #[test]
    fn a_name_of_128_bytes_is_the_longest() {
        let longest = "a".repeat(128);
        assert_eq!(TenantId::parse(&longest).unwrap().as_str(), longest);
        assert_eq!(TenantId::parse("a\u{7f}b"), Err(IdError::Characters("tenant")));
        assert_eq!(TenantId::parse("a\t"), Err(IdError::Characters("tenant")));
        assert_eq!(TenantId::parse("a b").unwrap().to_string(), "a b");
    }

    #[test]
    fn a_record_id_is_written_in_hexadecimal() {
        let tenant = TenantTag::from_bytes([0xab; 8]);
        let id = RecordId::from_parts(tenant, [1; 16]);
        assert_eq!(id.to_string(), format!("{}{}", "ab".repeat(8), "01".repeat(16)));
        assert_eq!(RecordId::from_bytes(*id.as_bytes()), id);
        assert_eq!(RecordId::from_hexadecimal(&id.to_string()), Some(id));
        for text in ["", "ab", &"+1".repeat(24), &"é".repeat(24), &"ab".repeat(25)] {
            assert_eq!(RecordId::from_hexadecimal(text), None, "{text:?}");
        }
    }
}
