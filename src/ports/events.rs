//! Port: the sink of events.

use core::time::Duration;

use serde::{Deserialize, Serialize};

use super::{Limit, SendError, SendErrorKind};
use crate::domain::{AccountId, ActorId, CorrelationId, RecordId, TenantId, Timestamp};

/// The longest text of a [`Failure`], in characters.
const LONGEST_MESSAGE: usize = 300;
/// The number of digits from which a run is left out of the text of a [`Failure`], because it could
/// be a code.
const CODE_DIGITS: usize = 6;

/// A sink of events, for operators. A security team gets an [`AuditLog`](super::AuditLog).
///
/// The request path calls it. Therefore it must not block and must not fail.
///
/// ```
/// use sspr::ports::{EngineEvent, EventSink};
///
/// struct Mine;
///
/// impl EventSink for Mine {
///     fn emit(&self, event: &EngineEvent) {
///         let _ = (event.kind, event.outcome, &event.tenant);
///     }
/// }
/// ```
///
/// # Security
/// An event never contains an address, a code, a token or a password. Show events to administrators
/// only, because an event can tell whether an account exists.
pub trait EventSink: Send + Sync {
    /// Records one event.
    fn emit(&self, event: &EngineEvent);
}

/// An event of the engine.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EngineEvent {
    /// The time of the event, by the clock of the process.
    pub at: Timestamp,
    /// The tenant, if the request named one.
    pub tenant: Option<TenantId>,
    /// The reset, if there is one.
    pub reset: Option<RecordId>,
    /// The correlation id of the request.
    pub correlation: Option<CorrelationId>,
    /// The kind of call or work.
    pub kind: EventKind,
    /// The outcome of the call or work.
    pub outcome: Outcome,
    /// The account, if it was an action of the help desk or a freeze.
    pub account: Option<AccountId>,
    /// The member of staff who acted, if it was an action of the help desk.
    pub actor: Option<ActorId>,
    /// The reason of a failure, if there was one.
    pub failure: Option<Failure>,
    /// The limit that was reached, if there was one. If there were several, it is the narrowest.
    pub limit: Option<Limit>,
    /// How long the call or work took, by the clock of the process.
    pub took: Duration,
}

impl EngineEvent {
    /// Makes an event without details, for tests of your own sink.
    #[must_use]
    pub const fn new(at: Timestamp, kind: EventKind, outcome: Outcome) -> Self {
        Self {
            account: None,
            actor: None,
            at,
            correlation: None,
            failure: None,
            kind,
            limit: None,
            outcome,
            reset: None,
            tenant: None,
            took: Duration::ZERO,
        }
    }
}

/// The reason of a failure, for an operator.
///
/// # Security
/// The text never contains an e-mail address, a control character, or six or more digits in a row,
/// whatever the failing part said. It has at most 300 characters.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// The part that failed.
    pub kind: FailureKind,
    /// The words of the part that failed.
    pub message: String,
}

/// The part that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum FailureKind {
    /// The audit log.
    Audit,
    /// The clock of this process, which is too far off the clock of its store.
    Clock,
    /// The source of randomness.
    Entropy,
    /// The password hasher.
    Hasher,
    /// The policy source.
    Policy,
    /// A stored record that this version cannot read.
    Record,
    /// The mail sender.
    Sender(SendErrorKind),
    /// The code store, the user store or the outbox.
    Store,
}

impl Failure {
    /// Makes a failure from the words of the part that failed. Removes addresses, long numbers and
    /// control characters from them.
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
    /// Returns the kind in lower case, for logs and metrics.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
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

/// The kind of call or work that an event reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EventKind {
    /// A code of the help desk was typed.
    Assistance,
    /// Staff asked for a code to hand over.
    AssistanceCode,
    /// Records were to be written to the audit log.
    Audit,
    /// A breach check was made.
    BreachCheck,
    /// A signed-in user asked for another password.
    Change,
    /// The courier handled one passcode mail.
    Deliver,
    /// A code that freezes an account was typed.
    Freeze,
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
    /// Staff required a new password at the next sign-in.
    RequireChange,
    /// Staff ended the stop of text messages to a block of numbers.
    ResumeTexts,
    /// A code was asked for.
    Send,
    /// A sign-in with a password.
    SignIn,
    /// A new password was submitted.
    Submit,
    /// Staff set a temporary password.
    TemporaryPassword,
    /// The tries of a whole tenant.
    TenantTries,
    /// Few codes were typed of those that were sent to one block of numbers.
    TextWatch,
    /// Staff ended the freeze of an account.
    Unfreeze,
    /// Staff ended the pause after wrong passwords.
    Unlock,
    /// The hasher does not support the hash of an account. The user got the answer of a wrong
    /// password, and cannot sign in until the password is reset.
    UnsupportedHash,
    /// A code was tried.
    Verify,
    /// A kind of a newer version, in a stored audit record.
    #[serde(other)]
    Unknown,
}

/// The outcome of a call or of work. It is for administrators, and most of it must not be shown to
/// users.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// Several eligible accounts have the address, so that no code was sent.
    Ambiguous,
    /// No eligible account has the address, so that no code was sent.
    Decoy,
    /// The store, the keys, the hasher or the randomness failed.
    Error,
    /// The code, the grant or the reset has expired.
    Expired,
    /// The code has no tries left.
    Exhausted,
    /// The mail system has refused the mail for good.
    FailedPermanently,
    /// The mail could not be handed over. The courier sends it again.
    FailedForNow,
    /// The password was right, but the account is frozen.
    Frozen,
    /// The mail could not be handed over as long as it was of use. The courier has given it up.
    GivenUp,
    /// The caller went away before the answer. Only the audit log has it.
    Interrupted,
    /// A limit on guesses was reached, so that codes are longer.
    LongerCode,
    /// The account is locked after too many wrong passwords.
    LockedOut,
    /// The user must give a second factor, or sign in with the new password.
    MoreNeeded,
    /// Success.
    Ok,
    /// The secret or password is wrong, or it belongs to another service.
    Rejected,
    /// The code was right, but the policy, the stamp or a silent counter stood against it.
    Withheld,
    /// Staff are about to do it. Only the audit log has it, and another record has the end.
    Started,
    /// Text messages to a block of numbers are stopped, because too few of their codes were typed.
    Stopped,
    /// Fewer codes were typed than customers type.
    Suspicious,
    /// A newer request for a code has replaced this one, or the reset does not wait for it any more.
    Superseded,
    /// A limit was reached, or the service is busy.
    TryLater,
    /// The tenant or the user flow offers no password reset.
    Unavailable,
    /// The new password breaks the rules.
    Weak,
    /// An outcome of a newer version, in a stored audit record.
    #[serde(other)]
    Unknown,
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
