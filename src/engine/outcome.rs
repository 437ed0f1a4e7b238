//! The answers of [`Sspr`](super::Sspr), with one enum for each call.
//!
//! The enums are exhaustive on purpose, so that the compiler checks that a host handles every case.
//! For a host with a JSON API, the parts that hold data and no secret implement `Serialize`, such as
//! [`SentCode`]. Secrets never implement it. Call `expose` on each secret that you need.

use serde::Serialize;

use crate::{
    domain::{
        AccountId, ApplicationId, CodeFormat, DeviceProof, FlowToken, Grant, Method, Stamp, Ticket,
        Timestamp,
    },
    flow::{ResetReason, StageName},
    policy::PasswordIssue,
};

use super::Context;

/// The answer of [`Sspr::open`](super::Sspr::open).
///
/// ```
/// use sspr::OpenOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// let shown = match sspr.open(&request, &client).await? {
///     OpenOutcome::Opened(opened) => {
///         format!("Send a code to {}?", opened.masked_address)
///     }
///     OpenOutcome::TryLater { .. } => "Try again later.".to_owned(),
///     OpenOutcome::Unavailable => "Ask the help desk.".to_owned(),
///     OpenOutcome::UnknownAccount => "We know no such account.".to_owned(),
/// };
/// assert_eq!(shown, "Send a code to a***a@ex**e.com?");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum OpenOutcome {
    /// The reset is open. No code has been requested yet.
    Opened(Opened),
    /// A limit was reached, or the code store is full.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
    /// The tenant or the user flow offers no password reset. This does not depend on the address.
    Unavailable,
    /// No account that may reset has this address. The answer is possible only with
    /// [`Disclosure::EntraCompatible`](crate::policy::Disclosure).
    UnknownAccount,
}

impl OpenOutcome {
    /// Returns the open reset, or `None` for any other outcome.
    #[must_use]
    pub fn opened(self) -> Option<Opened> {
        match self {
            Self::Opened(it) => Some(it),
            _ => None,
        }
    }
}

/// An open reset.
#[derive(Debug)]
#[non_exhaustive]
pub struct Opened {
    /// The secret for the browser that asked. Every later call needs it.
    pub token: FlowToken,
    /// The address that the user typed, with most of it hidden.
    pub masked_address: String,
    /// The time from which no more codes can be requested. A repeated request with the same
    /// [`RequestKey`](super::RequestKey) may get a time that is later than the actual end.
    pub ends_at: Timestamp,
    /// The ways in which a code can be sent, in the order in which to offer them. They are the same
    /// for every address. An account that lacks one gets no message by it.
    pub methods: &'static [Method],
    /// Whether the host should show a captcha before the next step.
    pub vouch: VouchAdvice,
}

/// Whether to show a captcha, because the tenant is under attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum VouchAdvice {
    /// The tenant is not under attack.
    NotNeeded,
    /// The tenant sees many wrong tries. Show a captcha and pass its [`Vouch`](super::Vouch).
    Wanted,
}

/// The answer of [`Sspr::send`](super::Sspr::send).
///
/// ```
/// use sspr::SendOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// # let started = sspr.start(&request, &client).await?.started().unwrap();
/// # courier.drain(&inbox).await;
/// # let (token, code) = (started.token, inbox.last_code().unwrap());
/// let shown = match sspr.send(&token, &client).await? {
///     SendOutcome::Sent(sent) => format!("Sent to {}.", sent.masked_address),
///     SendOutcome::TooSoon { .. } => "Wait for the first mail.".to_owned(),
///     SendOutcome::TryLater { .. } => "Try again later.".to_owned(),
///     SendOutcome::Gone => "Start again.".to_owned(),
/// };
/// assert_eq!(shown, "Wait for the first mail.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum SendOutcome {
    /// A code will be sent if exactly one account with this address may reset, and if that account
    /// has not reached its own limit on mails.
    Sent(SentCode),
    /// The previous code was requested too recently. Wait for the cooldown.
    TooSoon {
        /// When the next code can be requested.
        resend_at: Timestamp,
    },
    /// A limit was reached, or the queue of mails is full.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
    /// The reset has ended, or the token belongs to another application. The user starts again.
    Gone,
}

impl SendOutcome {
    /// Returns the code that was requested, or `None` for any other outcome.
    #[must_use]
    pub fn sent(self) -> Option<SentCode> {
        match self {
            Self::Sent(it) => Some(it),
            _ => None,
        }
    }
}

/// A code that was requested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SentCode {
    /// The way in which the code goes to the user.
    pub method: Method,
    /// The address that the user typed, with most of it hidden. It is the same whatever the method,
    /// because nothing about a phone may be shown before a right code.
    pub masked_address: String,
    /// The announced format. The code in the mail can be longer, but never shorter.
    pub format: CodeFormat,
    /// When the next code can be requested.
    pub resend_at: Timestamp,
    /// The time from which the code is no longer valid.
    pub expires_at: Timestamp,
}

impl SentCode {
    /// Returns the number of symbols of the announced format.
    #[must_use]
    pub const fn code_length(&self) -> usize {
        self.format.length()
    }
}

/// The answer of [`Sspr::start`](super::Sspr::start).
///
/// ```
/// use sspr::StartOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// let shown = match sspr.start(&request, &client).await? {
///     StartOutcome::Started(started) => {
///         format!("Type the {} digits.", started.sent.code_length())
///     }
///     StartOutcome::TryLater { .. } => "Try again later.".to_owned(),
///     StartOutcome::Unavailable => "Ask the help desk.".to_owned(),
///     StartOutcome::UnknownAccount => "We know no such account.".to_owned(),
/// };
/// assert_eq!(shown, "Type the 8 digits.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum StartOutcome {
    /// The reset is open, and its first code has been requested.
    Started(Started),
    /// A limit was reached, or the code store or the queue of mails is full.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
    /// The tenant or the user flow offers no password reset. This does not depend on the address.
    Unavailable,
    /// No account that may reset has this address. The answer is possible only with
    /// [`Disclosure::EntraCompatible`](crate::policy::Disclosure).
    UnknownAccount,
}

impl StartOutcome {
    /// Returns the reset that was started, or `None` for any other outcome.
    #[must_use]
    pub fn started(self) -> Option<Started> {
        match self {
            Self::Started(it) => Some(it),
            _ => None,
        }
    }
}

/// An open reset with a requested first code.
#[derive(Debug)]
#[non_exhaustive]
pub struct Started {
    /// The secret for the browser that asked. Every later call needs it.
    pub token: FlowToken,
    /// The code that was requested.
    pub sent: SentCode,
}

/// The answer of [`Sspr::status`](super::Sspr::status).
///
/// ```
/// use sspr::StatusOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// # let started = sspr.start(&request, &client).await?.started().unwrap();
/// # courier.drain(&inbox).await;
/// # let (token, code) = (started.token, inbox.last_code().unwrap());
/// let shown = match sspr.status(&token).await? {
///     StatusOutcome::Status(status) => format!("{} tries left", status.tries_left),
///     StatusOutcome::Gone => "Start again.".to_owned(),
/// };
/// assert_eq!(shown, "5 tries left");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum StatusOutcome {
    /// The state of the reset.
    Status(ResetStatus),
    /// The reset has ended, or the token belongs to another application. The user starts again.
    Gone,
}

impl StatusOutcome {
    /// Returns the state of the reset, or `None` for any other outcome.
    #[must_use]
    pub fn status(self) -> Option<ResetStatus> {
        match self {
            Self::Status(it) => Some(it),
            _ => None,
        }
    }
}

/// The state of a reset. Reading it changes nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ResetStatus {
    /// The stage that the reset has reached.
    pub stage: StageName,
    /// The reason why the user needs a new password.
    pub reason: ResetReason,
    /// The address that the user typed, with most of it hidden.
    pub masked_address: String,
    /// The code that was requested last, if any.
    pub sent: Option<SentCode>,
    /// The ways in which a code can be sent, as in [`Opened::methods`].
    pub methods: &'static [Method],
    /// The way in which the code of the first proof went to the user, if two proofs are required and
    /// the first one is given.
    pub first_proof: Option<Method>,
    /// How many tries the current code has left.
    pub tries_left: u32,
    /// The time at which the reset ends.
    pub expires_at: Timestamp,
}

/// The answer of [`Sspr::verify`](super::Sspr::verify) and [`Sspr::prove`](super::Sspr::prove).
///
/// ```
/// use sspr::{Rejection, VerifyOutcome};
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// # let started = sspr.start(&request, &client).await?.started().unwrap();
/// # courier.drain(&inbox).await;
/// # let (token, code) = (started.token, inbox.last_code().unwrap());
/// let shown = match sspr.verify(&token, &code, &client).await? {
///     VerifyOutcome::Granted(_) => "Choose a new password.".to_owned(),
///     VerifyOutcome::NextProof(_) => "One more proof, please.".to_owned(),
///     VerifyOutcome::Rejected(Rejection::WrongCode { tries_left }) => {
///         format!("Wrong. {tries_left} tries left.")
///     }
///     VerifyOutcome::Rejected(Rejection::LongerCodeSent(sent)) => {
///         format!("We sent a longer code to {}.", sent.masked_address)
///     }
///     VerifyOutcome::Rejected(Rejection::Expired | Rejection::Exhausted) => {
///         "Request a new code.".to_owned()
///     }
///     VerifyOutcome::Rejected(Rejection::Gone) => "Start again.".to_owned(),
///     VerifyOutcome::Rejected(Rejection::TryLater { .. }) => {
///         "Try again later.".to_owned()
///     }
/// };
/// assert_eq!(shown, "Choose a new password.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum VerifyOutcome {
    /// The user has given every proof that the tenant requires. The grant permits a new password.
    Granted(Granted),
    /// The code is right, but the tenant requires two proofs. Ask for the second one.
    NextProof(NextProof),
    /// The code or the proof of the host was not accepted.
    Rejected(Rejection),
}

impl VerifyOutcome {
    /// Returns the permission to set a password, or `None` for any other outcome.
    #[must_use]
    pub fn granted(self) -> Option<Granted> {
        match self {
            Self::Granted(it) => Some(it),
            _ => None,
        }
    }
}

/// The ways in which an account can give the second of two proofs.
///
/// You may show the hints to the user, because the user has given the first proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NextProof {
    /// The ways that the account has. The list is empty only if the account or the policy has just
    /// changed.
    pub ways: Vec<ProofWay>,
    /// The time at which the reset ends.
    pub expires_at: Timestamp,
}

/// A way to give the second proof.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "way", rename_all = "snake_case")]
// Exhaustive: pages show each way in its own words.
pub enum ProofWay {
    /// A second code. [`Sspr::send_by`](super::Sspr::send_by) sends it, and
    /// [`Sspr::verify`](super::Sspr::verify) takes it.
    Code {
        /// The method to pass to `send_by`.
        method: Method,
        /// The address or the number that the code goes to, with most of it hidden.
        hint: String,
    },
    /// A proof that the host checks. [`Sspr::prove`](super::Sspr::prove) takes it.
    HostProof,
}

/// The permission to set one new password, after a right code or a right password that must be
/// changed.
#[derive(Debug)]
#[non_exhaustive]
pub struct Granted {
    /// The secret to pass to `submit` with the new password. Keep it in the same browser.
    pub grant: Grant,
    /// The time from which the grant is no longer valid.
    pub expires_at: Timestamp,
}

/// The reason why a code, or a proof of the host, was not accepted.
///
/// In JSON, the field `rejection` holds the name of the reason, for example `wrong_code`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "rejection", rename_all = "snake_case")]
pub enum Rejection {
    /// The code or the proof is wrong. A right one gets the same answer if the account, its stamp
    /// or the policy has changed. It also gets this answer if the guess budget of the account is
    /// used up.
    WrongCode {
        /// How many tries the current code has left.
        tries_left: u32,
    },
    /// Too many codes were tried for this address or in this tenant. A longer code will be sent for
    /// the same reset.
    LongerCodeSent(SentCode),
    /// The code has expired. The user requests a new one.
    Expired,
    /// The code has no tries left. The user requests a new one. If
    /// [`Sspr::prove`](super::Sspr::prove) returns this and no second code can be sent, the user
    /// starts again.
    Exhausted,
    /// The reset has ended, or the token belongs to another application. The user starts again.
    Gone,
    /// A limit was reached, or a longer code cannot be sent now.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
}

/// The answer of [`Sspr::submit`](super::Sspr::submit).
///
/// ```
/// use sspr::SubmitOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// # let started = sspr.start(&request, &client).await?.started().unwrap();
/// # courier.drain(&inbox).await;
/// # let (token, code) = (started.token, inbox.last_code().unwrap());
/// # let granted = sspr.verify(&token, &code, &client).await?.granted().unwrap();
/// # let grant = granted.grant;
/// let new = Password::parse("qwertyuiop")?;
/// let shown = match sspr.submit(&grant, &new, &client).await? {
///     SubmitOutcome::Changed(_) => "Your password is changed.".to_owned(),
///     SubmitOutcome::Weak { issues } => {
///         let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
///         issues.join(" ")
///     }
///     SubmitOutcome::Rejected => "Start again.".to_owned(),
///     SubmitOutcome::TryLater { .. } => "Try again later.".to_owned(),
/// };
/// assert!(shown.contains("common"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum SubmitOutcome {
    /// The password is changed, and every older session is invalid.
    Changed(ChangedPassword),
    /// The password breaks rules. The grant stays valid. By default a grant permits ten slow
    /// hashes. Only the check for [`PasswordIssue::SameAsCurrent`] uses one of these hashes. The
    /// other rules use no slow hash.
    Weak {
        /// Every rule that the password breaks.
        issues: Vec<PasswordIssue>,
    },
    /// The grant is used up, has expired or belongs to another application. The user also gets this
    /// answer if the account or the policy no longer permits the reset. The user starts again.
    Rejected,
    /// The submit slots, the hasher or the queue of mails has no room. The grant stays valid.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
}

impl SubmitOutcome {
    /// Returns the changed password, or `None` for any other outcome.
    #[must_use]
    pub fn changed(self) -> Option<ChangedPassword> {
        match self {
            Self::Changed(it) => Some(it),
            _ => None,
        }
    }
}

/// A changed password.
#[derive(Debug)]
#[non_exhaustive]
pub struct ChangedPassword {
    /// The secret that the host passes to `redeem`.
    pub ticket: Ticket,
    /// The time from which the ticket is no longer valid.
    pub expires_at: Timestamp,
}

/// The answer of [`Sspr::redeem`](super::Sspr::redeem).
///
/// ```
/// use sspr::RedeemOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// # let started = sspr.start(&request, &client).await?.started().unwrap();
/// # courier.drain(&inbox).await;
/// # let (token, code) = (started.token, inbox.last_code().unwrap());
/// # let granted = sspr.verify(&token, &code, &client).await?.granted().unwrap();
/// # let grant = granted.grant;
/// # let new = Password::parse("four unrelated words will do")?;
/// # let changed = sspr.submit(&grant, &new, &client).await?.changed().unwrap();
/// # let ticket = changed.ticket;
/// match sspr.redeem(&ticket).await? {
///     RedeemOutcome::SignIn(session) => assert_eq!(session.account.as_str(), "1"),
///     RedeemOutcome::RequireSignIn => println!("Sign in with the new password."),
///     RedeemOutcome::Rejected => println!("Start again."),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum RedeemOutcome {
    /// The host signs this account in.
    SignIn(SignIn),
    /// The password is changed, but the user must sign in with the new password. The tenant
    /// requires this, the ticket was redeemed before, or the account must change its password
    /// again. It is also the answer if the code store has no room, or if the clock is far behind.
    RequireSignIn,
    /// The ticket has expired or belongs to another application, or the account or the policy no
    /// longer permits the sign-in.
    Rejected,
}

impl RedeemOutcome {
    /// Returns the account to sign in, or `None` for any other outcome.
    #[must_use]
    pub fn sign_in(self) -> Option<SignIn> {
        match self {
            Self::SignIn(it) => Some(it),
            _ => None,
        }
    }
}

/// An account to sign in after a reset.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignIn {
    /// The account.
    pub account: AccountId,
    /// The stamp that the new session must carry.
    pub stamp: Stamp,
    /// The application that the reset was for.
    pub application: ApplicationId,
    /// The bytes that the host gave when it opened the reset.
    pub context: Context,
    /// The reason why the user needed a new password.
    pub reason: ResetReason,
    /// The proof that the user must still give before the session may be used.
    pub second_factor: SecondFactorDemand,
    /// A proof for a long-lived cookie on this device. It opens the trusted lane next time.
    pub device: DeviceProof,
}

/// The proof that the user must still give to sign in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[must_use]
pub enum SecondFactorDemand {
    /// No further proof is needed.
    None,
    /// The second factor of the account is needed. A reset does not replace the second factor.
    Required,
}

/// The answer of [`Sspr::sign_in`](super::Sspr::sign_in).
///
/// ```
/// use sspr::SignInOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, courier, inbox, request, client } = world()?;
/// let password = Password::parse("a wrong one")?;
/// let shown = match sspr.sign_in(&request, &password, &client).await? {
///     SignInOutcome::SignedIn(_) => "Welcome.",
///     SignInOutcome::MustChange(_) => "Choose a new password.",
///     SignInOutcome::Frozen => "Frozen. Reset the password.",
///     SignInOutcome::Rejected => "Address and password do not match.",
///     SignInOutcome::LockedOut { .. } => "Locked. Reset the password.",
///     SignInOutcome::TryLater { .. } => "Try again later.",
/// };
/// assert_eq!(shown, "Address and password do not match.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum SignInOutcome {
    /// The password is right, but the account must change it first. Open no session. Pass the
    /// grant to `submit` with the new password, and then redeem its ticket.
    MustChange(Granted),
    /// The password is right.
    SignedIn(SignedIn),
    /// The password is right, but the owner has frozen the account. A password reset ends the
    /// freeze. The code of this reset goes to an address that got the notice.
    Frozen,
    /// The address and the password do not match, or the account cannot sign in. Examples are a
    /// disabled account, an expired temporary password, several accounts with one address, and an
    /// unknown kind of hash. It is also the answer if the user flow has no sign-in with a password.
    Rejected,
    /// The account is locked. A password reset unlocks it at once.
    LockedOut {
        /// When the lockout ends, or `None` if the host has locked the account.
        until: Option<Timestamp>,
    },
    /// A limit was reached, or the hasher is busy.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
}

impl SignInOutcome {
    /// Returns the account that is signed in, or `None` for any other outcome.
    #[must_use]
    pub fn signed_in(self) -> Option<SignedIn> {
        match self {
            Self::SignedIn(it) => Some(it),
            _ => None,
        }
    }
}

/// An account whose password was right.
#[derive(Debug)]
#[non_exhaustive]
pub struct SignedIn {
    /// The account.
    pub account: AccountId,
    /// The stamp that the new session must carry.
    pub stamp: Stamp,
    /// The proof that the user must still give before the session may be used.
    pub second_factor: SecondFactorDemand,
    /// A proof for a long-lived cookie on this device. It opens the trusted lane next time.
    pub device: DeviceProof,
}

/// The answer of [`Sspr::enter_assistance_code`](super::Sspr::enter_assistance_code).
#[derive(Debug)]
pub enum AssistanceOutcome {
    /// The code is right. Pass the grant to `submit` with the new password.
    Granted(Granted),
    /// The code is wrong, late, used, or not for this address and application.
    Rejected,
    /// A limit was reached.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
}

impl AssistanceOutcome {
    /// Returns the permission to set a password, or `None` for any other outcome.
    #[must_use]
    pub fn granted(self) -> Option<Granted> {
        match self {
            Self::Granted(it) => Some(it),
            _ => None,
        }
    }
}

/// The answer of [`Sspr::freeze`](super::Sspr::freeze).
///
/// ```
/// use sspr::FreezeOutcome;
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, request, client, .. } = world()?;
/// // The code of a notice, as its reader has typed it.
/// let code = sspr::Code::parse("BCDF-GHJK-LMNP-QRST")?;
/// let shown = match sspr.freeze(&request.application, &code, &client).await? {
///     FreezeOutcome::Frozen => "The account is frozen. Reset the password to get it back.",
///     FreezeOutcome::Rejected => "This code does not work.",
///     FreezeOutcome::TryLater { .. } => "Try again later.",
/// };
/// assert_eq!(shown, "This code does not work.");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeOutcome {
    /// The account is frozen. A password reset ends the freeze.
    Frozen,
    /// The code is wrong, late, used, or not of this tenant. The answer is the same if the tenant
    /// has not switched such codes on, or if the user store does not keep freezes.
    Rejected,
    /// A limit was reached.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
}

/// The answer of [`Sspr::change`](super::Sspr::change).
///
/// ```
/// use sspr::{ChangeOutcome, Session};
///
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let World { sspr, request, client, .. } = world()?;
/// # let account = sspr::AccountId::parse("1")?;
/// # let stamp = sspr::Stamp::from_bytes([0; 16]);
/// let session = Session::new(&request.application, account, stamp);
/// let current = Password::parse("the old password")?;
/// let new = Password::parse("four unrelated words will do")?;
/// let shown = match sspr.change(&session, &current, &new, &client).await? {
///     ChangeOutcome::Changed(kept) => {
///         let _ = kept.stamp; // the session carries it from now on
///         "Your password is changed.".to_owned()
///     }
///     ChangeOutcome::WrongPassword => "This is not your password.".to_owned(),
///     ChangeOutcome::LockedOut { .. } => "Too many wrong passwords.".to_owned(),
///     ChangeOutcome::Weak { issues } => {
///         let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
///         issues.join(" ")
///     }
///     ChangeOutcome::SessionEnded => "Sign in again.".to_owned(),
///     ChangeOutcome::TryLater { .. } => "Try again later.".to_owned(),
///     ChangeOutcome::Unavailable => "You have no password here.".to_owned(),
/// };
/// assert_eq!(shown, "Sign in again.");
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub enum ChangeOutcome {
    /// The password is changed, and every other session is invalid.
    Changed(KeptSession),
    /// The current password is wrong. It counts towards the lockout.
    WrongPassword,
    /// The account is locked after too many wrong passwords. A password reset unlocks it at once.
    LockedOut {
        /// When the lockout ends, or `None` if the host has locked the account.
        until: Option<Timestamp>,
    },
    /// The new password breaks rules, or is the current one. Nothing was charged. The exception is
    /// a password that the breach check knows, because this check runs only after the current
    /// password was right.
    Weak {
        /// Every rule that the new password breaks.
        issues: Vec<PasswordIssue>,
    },
    /// The session is no longer valid, for instance because the password was changed elsewhere. The
    /// user signs in again.
    SessionEnded,
    /// A limit was reached, or the submit slots, the hasher or the queue of mails has no room.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
    /// The account has no password that can be changed here, has no address, is disabled, or does
    /// not exist. It is also the answer if its temporary password has expired, or if the user flow
    /// of the application has no sign-in with a password.
    Unavailable,
}

impl ChangeOutcome {
    /// Returns the session that stays, or `None` for any other outcome.
    #[must_use]
    pub fn changed(self) -> Option<KeptSession> {
        match self {
            Self::Changed(it) => Some(it),
            _ => None,
        }
    }
}

/// The session that made a change, and stays.
#[derive(Debug)]
#[non_exhaustive]
pub struct KeptSession {
    /// The stamp that the session must carry from now on. Give the session another id as well.
    pub stamp: Stamp,
    /// A proof for a long-lived cookie on this device, because the old one is no longer valid.
    pub device: DeviceProof,
}

#[cfg(test)]
mod tests {
    use serde_json::{json, to_value};

    use super::*;

    #[test]
    fn what_holds_no_secret_is_json_with_the_names_of_its_fields() {
        let at = Timestamp::from_micros(0);
        let sent = SentCode {
            expires_at: at,
            format: CodeFormat::Digits,
            masked_address: "a***a@ex**e.com".to_owned(),
            method: Method::Email,
            resend_at: at,
        };
        let told = json!({
            "method": "email",
            "masked_address": "a***a@ex**e.com",
            "format": "digits",
            "resend_at": "1970-01-01T00:00:00Z",
            "expires_at": "1970-01-01T00:00:00Z",
        });
        assert_eq!(to_value(&sent).unwrap(), told);
        let status = ResetStatus {
            expires_at: at,
            first_proof: None,
            masked_address: String::new(),
            methods: Method::ALL,
            reason: ResetReason::MustChange,
            sent: None,
            stage: StageName::CodeSent,
            tries_left: 3,
        };
        let status = to_value(&status).unwrap();
        assert_eq!(
            (&status["stage"], &status["reason"]),
            (&json!("code_sent"), &json!("must_change"))
        );
        let wrong = Rejection::WrongCode { tries_left: 2 };
        assert_eq!(to_value(&wrong).unwrap(), json!({"rejection": "wrong_code", "tries_left": 2}));
        let longer = to_value(Rejection::LongerCodeSent(sent)).unwrap();
        assert_eq!(
            (&longer["rejection"], &longer["format"]),
            (&json!("longer_code_sent"), &json!("digits"))
        );
        assert_eq!(to_value(VouchAdvice::NotNeeded).unwrap(), json!("not_needed"));
        assert_eq!(to_value(SecondFactorDemand::Required).unwrap(), json!("required"));
    }
}
