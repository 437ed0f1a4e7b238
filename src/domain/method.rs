//! The ways in which a code reaches a user, and what they lead to.

use core::fmt;

use serde::Serialize;

use super::{EmailAddress, PhoneNumber};

/// A way in which a code reaches a user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
// Exhaustive: pages show each method in its own words.
pub enum Method {
    /// A mail to an address on file.
    #[default]
    Email,
    /// A text message to a phone on file.
    Sms,
}

/// A place of an account that messages go to.
///
/// # Security
/// `Debug` shows only the method, because personal data does not belong in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
// Exhaustive: a sender must say what it does about each.
pub enum Destination<'a> {
    /// A mailbox.
    Email(&'a EmailAddress),
    /// A phone that takes text messages.
    Phone(&'a PhoneNumber),
}

impl Method {
    /// Every method, in the order in which users are offered them.
    pub(crate) const ALL: &'static [Self] = &[Self::Email, Self::Sms];

    /// Returns the other method.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Email => Self::Sms,
            Self::Sms => Self::Email,
        }
    }
}

impl<'a> Destination<'a> {
    /// Returns the method that reaches this destination.
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Email(_) => Method::Email,
            Self::Phone(_) => Method::Sms,
        }
    }

    /// Returns the address or the number with most of it hidden.
    ///
    /// # Security
    /// Show it only to users who have given a first proof.
    #[must_use]
    pub fn masked(self) -> String {
        match self {
            Self::Email(address) => address.masked(),
            Self::Phone(number) => number.masked(),
        }
    }

    /// Returns the number, or `None` for a mailbox.
    #[must_use]
    pub const fn phone(self) -> Option<&'a PhoneNumber> {
        match self {
            Self::Email(_) => None,
            Self::Phone(number) => Some(number),
        }
    }

    /// Returns the address in lookup form, or the number in E.164. An address has an `@`, and a
    /// number has none, so the texts of the two kinds never collide.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        match self {
            Self::Email(address) => address.as_str(),
            Self::Phone(number) => number.as_str(),
        }
    }
}

impl fmt::Debug for Destination<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Destination({:?}, …)", self.method())
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Email => "e-mail",
            Self::Sms => "SMS",
        })
    }
}
