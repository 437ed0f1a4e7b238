//! An account as the host's user store describes it.

use core::fmt;

use thiserror::Error;

use super::{
    AccountId, EmailAddress, Entropy, EntropyUnavailable, GroupId, LanguageTag, PhoneNumber,
    RecordId, Timestamp,
};

/// A random value of an account that never repeats.
///
/// The stamp changes when the password, the addresses, the phones, the identity providers or
/// enabled/disabled change, when the account is frozen or unfrozen, and when it is created again.
/// It never changes on lockout, sign-in, rehash or profile edits. A session is valid while it
/// carries the account's current stamp.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stamp([u8; 16]);

/// The way in which an account signs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IdentityProvider {
    /// A one-time passcode by e-mail, without a password.
    EmailOtp,
    /// An e-mail address and a password that the host keeps. Only accounts with this provider can
    /// reset.
    EmailPassword,
    /// Facebook, which keeps the password.
    Facebook,
    /// Google, which keeps the password.
    Google,
    /// Any other identity provider.
    Other,
}

/// The proof that an account needs besides its password.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: a host must say what it does about each.
pub enum SecondFactor {
    /// No other proof.
    #[default]
    None,
    /// A factor that is independent of the mailbox.
    Independent,
    /// A passcode to the same mailbox, which a reset has already used.
    SameMailbox,
}

/// A password hash as a PHC string, for instance `$argon2id$v=19$m=19456,t=2,p=1$…$…`.
///
/// # Security
/// `Debug` is redacted, and only [`PasswordHash::expose`] shows the hash. `==` is for stores that
/// check whether a hash has changed since they read it. Never use it to check a password.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(Box<str>);

/// The error for a text that is not a password hash.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("password hash: must be a PHC string of at most 512 printable ASCII characters")]
#[non_exhaustive]
pub struct PasswordHashError;

debug_is_text!(PasswordHashError);

/// The state of an account that its owner has frozen, because someone else changed the password.
///
/// A frozen account cannot sign in. A new password ends the freeze, and staff can end it too. Until
/// then, codes and notices go only to the recovery addresses ([`Frozen::recover_to`]).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Frozen {
    /// The time of the password change that the notice was about.
    pub at: Timestamp,
    /// The recovery addresses: the code of the reset that ends the freeze goes only to them. Each
    /// of them was on file when the password was changed, and its mailbox got a code that froze the
    /// account.
    pub recover_to: Vec<EmailAddress>,
}

/// One customer's record in the host's user store.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Account {
    /// The id of the account, unique within the tenant.
    pub id: AccountId,
    /// The verified addresses on file. Codes go to the first address. Never add an unverified
    /// address.
    pub addresses: Vec<EmailAddress>,
    /// The verified phones on file, for codes by SMS. A code goes to the first one that the tenant
    /// serves. Never add an unverified number.
    pub phones: Vec<PhoneNumber>,
    /// The stamp, which changes with every security-relevant change.
    pub stamp: Stamp,
    /// The hash on file, if the account has a password.
    pub password: Option<PasswordHash>,
    /// How the account signs in.
    pub identity_providers: Vec<IdentityProvider>,
    /// The groups that policies can name.
    pub groups: Vec<GroupId>,
    /// Whether an administrator switched the account off.
    pub disabled: bool,
    /// Whether the host itself has locked the account. A reset unlocks it.
    pub locked: bool,
    /// The proof that the account needs besides its password.
    pub second_factor: SecondFactor,
    /// The language of the account's mails, if the user has chosen one.
    pub language: Option<LanguageTag>,
    /// The words that the password must not be made of, such as the given name and the family name.
    pub names: Vec<String>,
    /// Whether the user must choose a new password before the next session. A right password then
    /// opens no session, but permits a new password.
    pub must_change: bool,
    /// When the password stops working, if it is a temporary one. From then on it is a wrong one.
    pub password_expires_at: Option<Timestamp>,
    /// The operation that last changed the password, for instance a reset, or `None`. The store
    /// writes this id together with the password, so that a repeated change is recognised.
    pub last_change: Option<RecordId>,
    /// The freeze of the account, if its owner has frozen it. Only a store that answers true from
    /// `UserStore::keeps_freezes` sets it.
    pub frozen: Option<Frozen>,
}

impl Stamp {
    /// Generates a new stamp.
    ///
    /// # Errors
    /// [`EntropyUnavailable`] if there is no randomness.
    ///
    /// # Examples
    /// ```
    /// use sspr::{adapters::SystemEntropy, domain::Stamp};
    ///
    /// let entropy = SystemEntropy::new();
    /// assert_ne!(Stamp::generate(&entropy)?, Stamp::generate(&entropy)?);
    /// # Ok::<(), sspr::ports::EntropyUnavailable>(())
    /// ```
    pub fn generate(entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let mut bytes = [0; 16];
        entropy.fill(&mut bytes).map(|()| Self(bytes))
    }

    /// Returns the stamp with these bytes, as read from a store.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Returns the bytes of the stamp.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Frozen {
    /// Describes an account that is frozen since `at`.
    #[must_use]
    pub const fn new(at: Timestamp, recover_to: Vec<EmailAddress>) -> Self {
        Self { at, recover_to }
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Stamp(…)")
    }
}

impl PasswordHash {
    /// Reads a PHC string. The hasher checks the parameters before it does any work.
    ///
    /// # Errors
    /// [`PasswordHashError`] if the text is not such a string.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::PasswordHash;
    ///
    /// let hash = PasswordHash::parse(
    ///     "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$\
    ///      MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY",
    /// )?;
    /// assert!(PasswordHash::parse("plain text").is_err());
    /// # Ok::<(), sspr::domain::PasswordHashError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, PasswordHashError> {
        let fits = text.len() <= 512 && text.starts_with('$');
        if fits && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text.into()))
        } else {
            Err(PasswordHashError)
        }
    }

    /// Returns the PHC string for the store.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

impl Account {
    /// Creates an enabled local account with one verified address and e-mail with password.
    #[must_use]
    pub fn new(id: AccountId, address: EmailAddress, stamp: Stamp) -> Self {
        Self {
            addresses: vec![address],
            disabled: false,
            frozen: None,
            groups: Vec::new(),
            id,
            identity_providers: vec![IdentityProvider::EmailPassword],
            language: None,
            last_change: None,
            locked: false,
            must_change: false,
            names: Vec::new(),
            password: None,
            password_expires_at: None,
            phones: Vec::new(),
            second_factor: SecondFactor::None,
            stamp,
        }
    }

    /// Adds a verified phone, after those that the account has.
    #[must_use]
    pub fn with_phone(mut self, number: PhoneNumber) -> Self {
        self.phones.push(number);
        self
    }

    /// Sets the hash of the account's password.
    #[must_use]
    pub fn with_password(mut self, hash: PasswordHash) -> Self {
        self.password = Some(hash);
        self
    }

    /// Returns the addresses that codes and notices may go to: the recovery addresses of a frozen
    /// account, or else the addresses on file.
    #[must_use]
    pub fn destinations(&self) -> &[EmailAddress] {
        self.frozen.as_ref().map_or(&self.addresses, |frozen| &frozen.recover_to)
    }

    /// Returns the address that a code goes to if `typed` was typed. The typed address matters only
    /// for a frozen account, because such an account may have several recovery addresses.
    #[must_use]
    pub fn destination(&self, typed: &EmailAddress) -> Option<&EmailAddress> {
        let first = self.destinations().first();
        let Some(frozen) = &self.frozen else { return first };
        frozen.recover_to.iter().find(|address| *address == typed).or(first)
    }

    /// Returns true if the password has stopped working, because it was a temporary one.
    #[must_use]
    pub fn has_expired_password(&self, now: Timestamp) -> bool {
        self.password_expires_at.is_some_and(|end| now >= end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_hash_is_printable_begins_with_a_dollar_and_has_at_most_512_characters() {
        let longest = format!("${}", "a".repeat(511));
        assert_eq!(PasswordHash::parse(&longest).unwrap().expose(), longest);
        for text in
            ["", "argon2id$v=19", "$argon2id $", "$argon2id\n", "$\u{e4}", &format!("{longest}a")]
        {
            assert_eq!(PasswordHash::parse(text), Err(PasswordHashError), "{text:?}");
        }
    }

    #[test]
    fn codes_of_a_frozen_account_go_only_to_the_mailboxes_that_froze_it() {
        let address = |text: &str| EmailAddress::parse(text).unwrap();
        let [old, other, new] = ["old@x.example", "other@x.example", "new@x.example"].map(address);
        let id = AccountId::parse("ada").unwrap();
        let mut ada = Account::new(id, new.clone(), Stamp::from_bytes([1; 16]));
        ada.addresses.push(other.clone());
        for typed in [&new, &other, &old] {
            assert_eq!(ada.destination(typed), Some(&new));
        }

        let back = vec![old.clone(), other.clone()];
        ada.frozen = Some(Frozen::new(Timestamp::from_micros(1), back.clone()));

        assert_eq!(ada.destinations(), back);
        for (typed, to) in [(&new, &old), (&old, &old), (&other, &other)] {
            assert_eq!(ada.destination(typed), Some(to));
        }
    }

    #[test]
    fn a_hash_and_a_stamp_are_equal_only_to_themselves() {
        let hash = |text| PasswordHash::parse(text).unwrap();
        assert!(hash("$a") == hash("$a") && hash("$a") != hash("$b"));
        let stamp = Stamp::from_bytes([1; 16]);
        assert!(
            stamp == Stamp::from_bytes(*stamp.as_bytes()) && stamp != Stamp::from_bytes([2; 16])
        );
    }
}
