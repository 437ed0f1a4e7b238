//! Port: what happened, for audit.

use core::time::Duration;

use super::{SendError, SendErrorKind};
use crate::domain::{CorrelationId, RecordId, TenantId, Timestamp};

/// The longest text of a [`Failure`], in characters.
const LONGEST_MESSAGE: usize = 300;
/// A run of at least as many digits is left out of a [`Failure`]'s text: it could be a code.
const CODE_DIGITS: usize = 6;

/// Takes note of events.
///
/// Called on the request path: must not block and must not fail. *Security*: an event never holds
/// an address, a code, a token or a password, and what it says of an account (bound or decoy) is
/// for administrators only.
pub trait EventSink: Send + Sync {
    /// Takes note of one event.
    fn emit(&self, event: &AuditEvent);
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditEvent {
    /// When, by the process's clock.
    pub at: Timestamp,
    /// The tenant, if the request named one.
    pub tenant: Option<TenantId>,
    /// The reset, if there is one.
    pub reset: Option<RecordId>,
    /// What ties it to a request.
    pub correlation: Option<CorrelationId>,
    /// What was done.
    pub kind: EventKind,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it failed, if it did.
    pub failure: Option<Failure>,
    /// How long it took, by the process's clock.
    pub took: Duration,
}

impl AuditEvent {
    /// An event without details. For tests of a sink of your own.
    #[must_use]
    pub const fn new(at: Timestamp, kind: EventKind, outcome: Outcome) -> Self {
        Self {
            at,
            correlation: None,
            failure: None,
            kind,
            outcome,
            reset: None,
            tenant: None,
            took: Duration::ZERO,
        }
    }
}

/// Why something failed, for an operator.
///
/// # Security
/// The text never holds an e-mail address, a control character or a run of six or more digits,
/// whatever the failing part said. It is at most 300 characters long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// What failed.
    pub kind: FailureKind,
    /// The words of the part that failed.
    pub message: String,
}

/// What failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// This process's clock is too far from its store's.
    Clock,
    /// The source of randomness.
    Entropy,
    /// The password hasher.
    Hasher,
    /// The policy source.
    Policy,
    /// A stored record that this version does not read.
    Record,
    /// The mail sender.
    Sender(SendErrorKind),
    /// The code store, the user store or the outbox.
    Store,
}

impl Failure {
    /// A failure with the words of the part that failed. Addresses, long numbers and control
    /// characters are taken out of them.
    #[must_use]
    pub fn new(kind: FailureKind, message: &str) -> Self {
        Self { kind, message: without_secrets(message) }
    }
}

impl From<&SendError> for Failure {
    fn from(error: &SendError) -> Self {
        Self::new(FailureKind::Sender(error.kind()), &error.to_string())
    }
}

impl FailureKind {
    /// The kind in one lower-case word or two, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Entropy => "entropy",
            Self::Hasher => "hasher",
            Self::Policy => "policy",
            Self::Record => "record",
            Self::Sender(SendErrorKind::Permanent) => "sender_permanent",
            Self::Sender(SendErrorKind::Setup) => "sender_setup",
            Self::Sender(SendErrorKind::Transient) => "sender_transient",
            Self::Sender(SendErrorKind::Unknown) => "sender_unknown",
            Self::Store => "store",
        }
    }
}

fn without_secrets(message: &str) -> String {
    let mut out = String::with_capacity(message.len().min(LONGEST_MESSAGE));
    for word in message.split(|c: char| c.is_whitespace() || c.is_control()) {
        if word.is_empty() {
            continue;
        }
        if !out.is_empty() {
            out.push(' ');
        }
        let mut digits = 0_usize;
        let mut longest = 0_usize;
        for c in word.chars() {
            digits = if c.is_numeric() { digits.saturating_add(1) } else { 0 };
            longest = longest.max(digits);
        }
        let hides = word.contains('@') || longest >= CODE_DIGITS;
        out.push_str(if hides { "…" } else { word });
    }
    if out.chars().count() > LONGEST_MESSAGE {
        out = out.chars().take(LONGEST_MESSAGE.saturating_sub(1)).collect();
        out.push('…');
    }
    out
}

/// What was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum EventKind {
    /// A breach check was made.
    BreachCheck,
    /// The courier handled one passcode mail.
    Deliver,
    /// A faster hasher failed its self-test, and another one does its work.
    HasherFallback,
    /// The state of a reset was read.
    Status,
    /// The courier handled one notice.
    Notify,
    /// A reset was opened.
    Open,
    /// A ticket was redeemed.
    Redeem,
    /// A code was asked for.
    Send,
    /// A sign-in with a password.
    SignIn,
    /// A new password was submitted.
    Submit,
    /// The tries of a whole tenant.
    TenantTries,
    /// An account's hash is of a kind that the hasher does not know: nobody can sign in with that
    /// password until it is reset. The answer was that of a wrong password.
    UnsupportedHash,
    /// A code was tried.
    Verify,
}

/// How it ended. The words are for administrators; most of them must not reach a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Outcome {
    /// Several eligible accounts stand behind one address: a decoy.
    Ambiguous,
    /// Discarded: no single eligible account stands behind the address.
    Decoy,
    /// The store, the keys, the hasher or the randomness failed.
    Error,
    /// Its time is over.
    Expired,
    /// No tries left.
    Exhausted,
    /// The mail was refused for good.
    FailedPermanently,
    /// The mail could not be handed over; it is tried again.
    FailedForNow,
    /// The mail was tried for as long as it was of use, and is given up.
    GivenUp,
    /// Past a cap: a longer code goes out.
    LongerCode,
    /// Too many wrong passwords.
    LockedOut,
    /// The second factor is asked for, or a sign-in with the new password.
    MoreNeeded,
    /// Done.
    Ok,
    /// Not right, or not of this service.
    Rejected,
    /// A right code that policy, stamp or a silent counter refused.
    Withheld,
    /// Superseded by a newer send, or too old to be worth sending.
    Superseded,
    /// A limit was reached, or the service has no room.
    TryLater,
    /// The tenant or user flow offers no reset.
    Unavailable,
    /// The new password breaks the rules.
    Weak,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(message: &str) -> String {
        Failure::new(FailureKind::Store, message).message
    }

    #[test]
    fn a_failure_keeps_the_words_and_hides_addresses_codes_and_control_characters() {
        assert_eq!(
            said("550 5.1.1 <ada@example.com>: user\r\nunknown"),
            "550 5.1.1 … user unknown"
        );
        assert_eq!(said("code 12345678 to=ada@x.example,eve@x.example"), "code … …");
        assert_eq!(said("４１２３４５６７ 12345\u{7}"), "… 12345");
        assert_eq!(said("ada @ x.example"), "ada … x.example");
    }

    #[test]
    fn a_failures_text_is_bounded() {
        assert_eq!(said(&"é".repeat(301)).chars().count(), LONGEST_MESSAGE);
        assert_eq!(said(&"é".repeat(300)), "é".repeat(300));
        assert_eq!(said(&"x ".repeat(1 << 16)).chars().count(), LONGEST_MESSAGE);
    }

    #[test]
    fn a_senders_error_becomes_a_failure_of_its_kind() {
        let error = SendError::new(SendErrorKind::Setup, "535 5.7.8 bad credentials");
        let failure = Failure::from(&error);

        assert_eq!(failure.kind, FailureKind::Sender(SendErrorKind::Setup));
        assert_eq!(failure.message, "535 5.7.8 bad credentials");
    }
}
