//! What can happen: one enum a call, to be matched on.
//!
//! They are exhaustive on purpose: the compiler lists what a host must show.

use crate::{
    domain::{
        AccountId, ApplicationId, CodeFormat, DeviceProof, FlowToken, Grant, Stamp, Ticket,
        Timestamp,
    },
    flow::{ResetReason, StageName},
    policy::PasswordIssue,
};

use super::Context;

/// What `Sspr::open` answers.
#[derive(Debug)]
pub enum OpenOutcome {
    /// A reset is open; no mail yet.
    Opened(Opened),
    /// A limit was reached.
    TryLater {
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
    /// This tenant or user flow offers no reset at all; depends on no address.
    Unavailable,
    /// Nobody has this address. Only ever answered under
    /// [`Disclosure::EntraCompatible`](crate::policy::Disclosure).
    UnknownAccount,
}

/// An open reset.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// For the browser that asked; every later call needs it.
    pub token: FlowToken,
    /// The address with most of it hidden, made of what was typed.
    pub masked_address: String,
    /// No code can be asked for from this instant on; in a reset that a repeat has opened again,
    /// from an earlier one.
    pub ends_at: Timestamp,
    /// Whether the host should ask for a captcha before the next step.
    pub vouch: VouchAdvice,
}

/// Whether a tenant is under attack and a captcha helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VouchAdvice {
    /// All is quiet.
    NotNeeded,
    /// Many wrong tries in this tenant: ask for a captcha, and pass its [`Vouch`](super::Vouch).
    Wanted,
}

/// What `Sspr::send` answers.
#[derive(Debug)]
pub enum SendOutcome {
    /// If one eligible account stands behind the address, a code is on its way.
    Sent(SentCode),
    /// A code was asked for a moment ago.
    TooSoon {
        /// When the next one can be asked for.
        resend_at: Timestamp,
    },
    /// A limit was reached, or there is no room.
    TryLater {
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
    /// The reset is over, or the token is none of this application's: start again.
    Gone,
}

/// A code is on its way, if there is anybody to send it to.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SentCode {
    /// The address with most of it hidden, made of what was typed.
    pub masked_address: String,
    /// The announced format. The mail may bring the longer one, never the shorter.
    pub format: CodeFormat,
    /// When the next one can be asked for.
    pub resend_at: Timestamp,
    /// The code is dead from this instant on.
    pub expires_at: Timestamp,
}

impl SentCode {
    /// Number of symbols of the announced format.
    #[must_use]
    pub const fn code_length(&self) -> usize {
        self.format.length()
    }
}

/// What `Sspr::start` answers.
#[derive(Debug)]
pub enum StartOutcome {
    /// A reset is open and its first code asked for.
    Started(Started),
    /// A limit was reached, or there is no room.
    TryLater {
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
    /// This tenant or user flow offers no reset at all; depends on no address.
    Unavailable,
    /// Nobody has this address. Only ever answered under
    /// [`Disclosure::EntraCompatible`](crate::policy::Disclosure).
    UnknownAccount,
}

/// An open reset whose first code was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started {
    /// For the browser that asked; every later call needs it.
    pub token: FlowToken,
    /// What to show.
    pub sent: SentCode,
}

/// The answer of [`Sspr::status`](super::Sspr::status).
#[derive(Debug)]
pub enum StatusOutcome {
    /// The state of the reset.
    Status(ResetStatus),
    /// The reset is over, or the token is none of this application's: start again.
    Gone,
}

/// The state of a reset. Reading it changes nothing.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ResetStatus {
    /// How far it has come.
    pub stage: StageName,
    /// Why the person needs a new password, as the host said when the reset was opened.
    pub reason: ResetReason,
    /// The address with most of it hidden, made of what was typed.
    pub masked_address: String,
    /// The latest send, if there was one.
    pub sent: Option<SentCode>,
    /// Tries left for the current code.
    pub tries_left: u32,
    /// When everything about it is over.
    pub expires_at: Timestamp,
}

/// What `Sspr::verify` answers.
#[derive(Debug)]
pub enum VerifyOutcome {
    /// The code is right.
    Granted(Granted),
    /// It is not, or nothing can be said.
    Rejected(Rejection),
}

/// Permission to set one new password.
#[derive(Debug)]
#[non_exhaustive]
pub struct Granted {
    /// For the same browser; submit it with the new password.
    pub grant: Grant,
    /// The grant is dead from this instant on.
    pub expires_at: Timestamp,
}

/// Why a code is not accepted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// It is not right.
    WrongCode {
        /// Tries left for the current code.
        tries_left: u32,
    },
    /// Too many codes were tried for this address: a longer code is on its way, in this reset.
    LongerCodeSent(SentCode),
    /// The code is dead; ask for a new one.
    Expired,
    /// The code was tried too often; ask for a new one.
    Exhausted,
    /// The reset is over, or the token is none of this application's: start again.
    Gone,
    /// A limit was reached.
    TryLater {
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
}

/// What `Sspr::submit` answers.
#[derive(Debug)]
pub enum SubmitOutcome {
    /// The password is changed; every older session is void.
    Changed(ChangedPassword),
    /// The password breaks rules; the grant is still good. A password that breaks a rule which only a
    /// slow hash can check ([`PasswordIssue::SameAsCurrent`]) uses up one of the grant's ten hashes.
    Weak {
        /// Every rule that it breaks.
        issues: Vec<PasswordIssue>,
    },
    /// The grant is spent, dead or none of this application's: start again.
    Rejected,
    /// There is no room, in the service or the hasher; the grant is still good.
    TryLater {
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
}

/// A changed password.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChangedPassword {
    /// For the host: redeem it to sign the person in.
    pub ticket: Ticket,
    /// The ticket is dead from this instant on.
    pub expires_at: Timestamp,
}

/// What `Sspr::redeem` answers.
#[derive(Debug)]
pub enum RedeemOutcome {
    /// Sign this account in.
    SignIn(SignIn),
    /// The password is changed, but the person signs in with it: the tenant wants it so, or the
    /// ticket was redeemed before.
    RequireSignIn,
    /// The ticket is dead, or none of this application's.
    Rejected,
}

/// An account that may be signed in.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignIn {
    /// The account.
    pub account: AccountId,
    /// The stamp that the new session must carry.
    pub stamp: Stamp,
    /// The application that the reset was for.
    pub application: ApplicationId,
    /// What the host gave when the reset was opened.
    pub context: Context,
    /// Why the person needed a new password, as the host said then.
    pub reason: ResetReason,
    /// What must still be asked for before the session is worth anything.
    pub second_factor: SecondFactorDemand,
    /// For a long-lived cookie of this device: opens the trusted lane next time.
    pub device: DeviceProof,
}

/// What a sign-in still needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum SecondFactorDemand {
    /// Nothing more.
    None,
    /// The account's second factor; a reset does not replace it.
    Required,
}

/// What `Sspr::sign_in` answers.
#[derive(Debug)]
pub enum SignInOutcome {
    /// The password is right.
    SignedIn(SignedIn),
    /// Address and password do not match.
    Rejected,
    /// Too many wrong passwords. A reset opens it at once.
    LockedOut {
        /// Until when; `None` if the host itself has locked the account.
        until: Option<Timestamp>,
    },
    /// A limit was reached, or the hasher has no room.
    TryLater {
        /// When it is worth trying again.
        retry_at: Timestamp,
    },
}

/// A right password.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// The stamp that the new session must carry.
    pub stamp: Stamp,
    /// What must still be asked for before the session is worth anything.
    pub second_factor: SecondFactorDemand,
    /// For a long-lived cookie of this device: opens the trusted lane next time.
    pub device: DeviceProof,
}
