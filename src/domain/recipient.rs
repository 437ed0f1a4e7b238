//! The place that a notice goes to.

use core::fmt;

use super::{Destination, EmailAddress, PhoneNumber};

/// The place that a notice goes to. It is an owned [`Destination`].
///
/// # Security
/// `Debug` shows only the method, because personal data does not belong in logs.
#[derive(Clone, PartialEq, Eq, Hash)]
// Exhaustive: a sender must say what it does about each.
pub enum Recipient {
    /// A mailbox.
    Email(EmailAddress),
    /// A phone that takes text messages.
    Phone(PhoneNumber),
}

impl Recipient {
    /// Returns the destination.
    #[must_use]
    pub const fn destination(&self) -> Destination<'_> {
        match self {
            Self::Email(address) => Destination::Email(address),
            Self::Phone(number) => Destination::Phone(number),
        }
    }

    /// Returns the address, or `None` for a phone.
    #[must_use]
    pub const fn address(&self) -> Option<&EmailAddress> {
        match self {
            Self::Email(address) => Some(address),
            Self::Phone(_) => None,
        }
    }

    /// Returns the text under which a store keeps the recipient, as [`Destination::as_str`].
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.destination().as_str()
    }

    /// Reads a stored text. Returns `None` if it is neither an address nor a number.
    #[must_use]
    pub fn from_stored(text: &str) -> Option<Self> {
        // An address has an `@`, and a number has none.
        if text.contains('@') {
            EmailAddress::parse(text).ok().map(Self::Email)
        } else {
            PhoneNumber::parse(text).ok().map(Self::Phone)
        }
    }
}

impl From<EmailAddress> for Recipient {
    fn from(address: EmailAddress) -> Self {
        Self::Email(address)
    }
}

impl From<PhoneNumber> for Recipient {
    fn from(number: PhoneNumber) -> Self {
        Self::Phone(number)
    }
}

impl fmt::Debug for Recipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipient({:?}, …)", self.destination().method())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recipient_is_read_as_it_was_stored_and_is_not_in_debug_output() {
        let number = PhoneNumber::parse("+14255550123").unwrap();
        let address = EmailAddress::parse("ada@example.com").unwrap();
        for recipient in [Recipient::from(number), Recipient::from(address)] {
            assert_eq!(Recipient::from_stored(recipient.as_str()), Some(recipient.clone()));
            assert!(!format!("{recipient:?}").contains(recipient.as_str()));
        }
        for damaged in ["", "ada", "+1", "@", "4255550123"] {
            assert_eq!(Recipient::from_stored(damaged), None, "{damaged}");
        }
    }

    #[test]
    fn a_version_that_knows_addresses_alone_cannot_take_a_number_for_one() {
        assert!(EmailAddress::parse("+14255550123").is_err());
    }
}
