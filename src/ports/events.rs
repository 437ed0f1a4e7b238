//! Port: what happened, for audit.

use core::time::Duration;

use crate::domain::{CorrelationId, Instant, RecordId, TenantId};

/// Takes note of events.
///
/// Called on the request path: must not block and must not fail. *Security*: an event never holds
/// an address, a code, a token or a password, and what it says of an account (bound or decoy) is
/// for administrators only.
pub trait EventSink: Send + Sync {
    /// Takes note of one event.
    fn emit(&self, event: &Event);
}

/// One thing that happened.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Event {
    /// When, by the process's clock.
    pub at: Instant,
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
    /// How long it took, by the process's clock.
    pub took: Duration,
}

impl Event {
    pub(crate) const fn new(at: Instant, kind: EventKind, outcome: Outcome) -> Self {
        Self {
            at,
            correlation: None,
            kind,
            outcome,
            reset: None,
            tenant: None,
            took: Duration::ZERO,
        }
    }
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
    /// A reset was looked at.
    Look,
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
