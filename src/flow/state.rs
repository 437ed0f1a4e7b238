//! The state of a reset, as its record keeps it.

use serde::Serialize;

use crate::domain::{
    ApplicationId, CodeFormat, CounterName, Digest, KeyId, LanguageTag, Method, Sealed, Stamp,
    TenantId, Timestamp, UserFlowId,
};

/// The facts that were known when the reset was opened.
#[derive(Clone, Debug)]
pub struct Origin {
    /// The tenant.
    pub tenant: TenantId,
    /// The user flow.
    pub user_flow: UserFlowId,
    /// The application.
    pub application: ApplicationId,
    /// The language that the request wanted.
    pub locale: Option<LanguageTag>,
    /// The reason why the user needs a new password.
    pub reason: ResetReason,
    /// The bytes of the host, at most 512.
    pub context: Vec<u8>,
    /// The typed address, sealed under the flow token.
    pub address: Sealed,
    /// The names of the counters that are keyed on the typed address.
    pub visible: Vec<CounterName>,
}

/// The reason why a user needs a new password, which is also the proof that permits it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ResetReason {
    /// The user forgot the password, or the account is locked. A code proves who the user is.
    #[default]
    Forgot,
    /// The account must change its password before the next session. The current password proves
    /// who the user is.
    MustChange,
    /// Staff have checked who the user is, and handed a code over.
    Assistance,
}

/// One request for a code, as it was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// The number of this send. The first send of a reset has the number 1.
    pub number: u32,
    /// The way in which the code goes to the user.
    pub method: Method,
    /// The format that was announced.
    pub format: CodeFormat,
    /// The time from which the next code can be requested in this way.
    pub resend_at: Timestamp,
    /// The time from which the next code can be requested in the other way. Without an earlier one,
    /// it is [`Timestamp::MIN`].
    pub other_resend_at: Timestamp,
    /// The time from which the code of this send is dead.
    pub expires_at: Timestamp,
}

/// The code that counts, as the courier has bound it. For a decoy the digests are random bytes.
#[derive(Clone, Debug)]
pub struct Bound {
    /// The number of the send that brought the code.
    pub number: u32,
    /// The format that was announced with that send.
    pub announced: CodeFormat,
    /// The format of the code, which is the announced one or the longer one.
    pub format: CodeFormat,
    /// The time from which the code is dead.
    pub expires_at: Timestamp,
    /// The key of the digests.
    pub key: KeyId,
    /// The digest of everything else that the code's digest covers: account, stamp, address and
    /// this reset.
    pub binding: Digest,
    /// The digest of the code.
    pub code: Digest,
    /// The account's id, sealed under that key.
    pub account: Sealed,
    /// The names of the counters that are keyed on the account.
    pub silent: Vec<CounterName>,
}

/// The first of two proofs: a right code. It stays with the reset while the second one is awaited.
#[derive(Clone, Debug)]
pub struct FirstProof {
    /// The way in which the code went to the user. The second code must go another way.
    pub method: Method,
    /// The code, with the account and the stamp that it was made for.
    pub bound: Bound,
    /// True if the host has checked a proof of its own after it.
    pub has_host_proof: bool,
}

/// The stage of a reset.
#[derive(Clone, Debug)]
// Exhaustive: a new stage must break every match.
pub enum Stage {
    /// No code was asked for.
    Opened,
    /// A code was asked for.
    CodeSent,
    /// The first of two proofs was given, and no code was asked for since.
    Proved,
    /// Every proof that the reset needs was given.
    Verified {
        /// SHA-256 of the grant.
        grant: Digest,
        /// The time from which the grant is dead.
        expires_at: Timestamp,
    },
    /// The password is changed.
    Completed {
        /// SHA-256 of the grant that was spent.
        grant: Digest,
        /// SHA-256 of the ticket.
        ticket: Digest,
        /// The account's stamp after the change.
        stamp: Stamp,
        /// The time from which the ticket is dead.
        expires_at: Timestamp,
    },
    /// The account, its stamp or the policy has changed, and nothing can follow.
    Closed,
}

/// The stage that a reset has reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
#[expect(missing_docs, reason = "each is the stage of the same name")]
// Exhaustive: see `Stage`.
pub enum StageName {
    Opened,
    CodeSent,
    Proved,
    Verified,
    Completed,
    Closed,
}

impl Sent {
    /// Returns the time from which the next code can be requested in this way.
    #[must_use]
    pub fn resend_at_by(&self, method: Method) -> Timestamp {
        if method == self.method { self.resend_at } else { self.other_resend_at }
    }
}

impl Stage {
    /// Returns the name of the stage.
    #[must_use]
    pub const fn name(&self) -> StageName {
        match self {
            Self::Opened => StageName::Opened,
            Self::CodeSent => StageName::CodeSent,
            Self::Proved => StageName::Proved,
            Self::Verified { .. } => StageName::Verified,
            Self::Completed { .. } => StageName::Completed,
            Self::Closed => StageName::Closed,
        }
    }
}
