//! The journeys of a browser, sealed in one cookie between two pages.
//!
//! One journey is one user's way through the pages in one tab. Its id is part of the page's address
//! (`?flow=…`) and is not a secret. Each tab has its own journey, so no tab takes another tab's
//! code away.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    domain::{
        AccountId, Code, Entropy, EntropyUnavailable, FlowToken, Grant, Method, Password, Stamp,
        Timestamp,
    },
    engine::{NextProof, ProofWay, RequestKey, Session},
    error::Error,
    http::{envelope::Envelopes, secret::Secret},
    policy::PasswordIssue,
};

/// The most journeys that one cookie keeps.
const MOST: usize = 4;
/// The most bytes of all journeys. Sealed and encoded, they stay below the 4,096 bytes that
/// browsers keep.
const MOST_BYTES: usize = 2_700;

/// The content of the cookie. The newest journey is last.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct Jar {
    /// The language that the user chose.
    #[serde(rename = "l", default, skip_serializing_if = "Option::is_none")]
    pub(super) language: Option<String>,
    #[serde(rename = "j", default)]
    journeys: Vec<Journey>,
}

/// One way through the pages.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Journey {
    #[serde(rename = "i")]
    pub(super) id: String,
    /// The address as it was typed. From the second page on, it is a valid address.
    #[serde(rename = "a")]
    pub(super) address: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) return_to: Option<String>,
    /// The key that makes a double click on "Forgot password?" open one reset, or a double click on
    /// "Change password" make one change. It is gone once the reset is open or the change is made.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
    /// The token that opens the reset. It is kept beside the grant, so that a repeat of the code's
    /// form ends at the same page.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Secret>,
    /// The grant that permits a new password, from the right code to the end.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub(super) grant: Option<Secret>,
    /// The code that freezes an account, until the user has said yes.
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(super) freeze: Option<Secret>,
    /// True if the grant came from a right password, which must be changed.
    #[serde(rename = "m", default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) must_change: bool,
    /// The account of a signed-in user who changes the password.
    #[serde(rename = "u", default, skip_serializing_if = "Option::is_none")]
    pub(super) account: Option<String>,
    /// The stamp of that user's session when the form was shown.
    #[serde(rename = "v", default, skip_serializing_if = "Option::is_none")]
    stamp: Option<[u8; 16]>,
    /// True once the first of two proofs was given.
    #[serde(rename = "b", default, skip_serializing_if = "core::ops::Not::not")]
    pub(super) has_first_proof: bool,
    /// The ways to give the second proof.
    #[serde(rename = "y", default, skip_serializing_if = "Vec::is_empty")]
    pub(super) ways: Vec<Way>,
    #[serde(rename = "s")]
    pub(super) stage: Stage,
    /// The message of the next page about the last form.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(super) flash: Option<Flash>,
}

/// A way to give the second proof, with the hint that the page shows.
#[derive(Clone, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Way {
    #[serde(rename = "c")]
    Code {
        #[serde(rename = "s")]
        by_sms: bool,
        #[serde(rename = "h")]
        hint: String,
    },
    #[serde(rename = "h")]
    Host,
}

/// The stage that a journey has reached. Times are in microseconds.
#[derive(Clone, Deserialize, Serialize)]
pub(super) enum Stage {
    /// The typed text was not an address.
    #[serde(rename = "a")]
    Address,
    /// The entrance for users who forgot the password. The address is empty, or the typed text was
    /// not an address.
    #[serde(rename = "f")]
    Forgot,
    #[serde(rename = "p")]
    Password,
    #[serde(rename = "l")]
    Locked { until: Option<i64> },
    /// The code of a notice did not freeze an account.
    #[serde(rename = "e")]
    Freeze,
    /// A code that may freeze an account waits for a yes.
    #[serde(rename = "y")]
    FreezeConfirm,
    /// The account is frozen, by this code or before the right password was typed.
    #[serde(rename = "z")]
    Frozen,
    #[serde(rename = "w")]
    Later { until: i64, back: Back },
    /// The user chooses how to get the code.
    #[serde(rename = "q")]
    SendCode,
    #[serde(rename = "c")]
    Code,
    /// The user chooses how to give the second proof.
    #[serde(rename = "g")]
    NextProof,
    #[serde(rename = "n")]
    NewPassword,
    /// A signed-in user changes the password.
    #[serde(rename = "h")]
    Change,
    /// The address and the code of staff did not match.
    #[serde(rename = "x")]
    SupportCode,
    #[serde(rename = "d")]
    Done {
        signed_in: bool,
        onward: bool,
        /// True if the user was signed in before.
        #[serde(default)]
        stayed: bool,
        /// The time until which the page shows which user was signed in.
        #[serde(default)]
        until: i64,
    },
    /// No reset is offered, or no change to the account of the journey.
    #[serde(rename = "o")]
    Off,
}

/// The request that had to wait, and so the page to which "please try later" leads back.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Back {
    #[serde(rename = "p")]
    Password,
    /// The first code of a reset.
    #[serde(rename = "s")]
    Send,
    /// A further code. The code before it may still be entered.
    #[serde(rename = "r")]
    Resend,
    #[serde(rename = "c")]
    Code,
    #[serde(rename = "g")]
    NextProof,
    #[serde(rename = "n")]
    NewPassword,
    #[serde(rename = "h")]
    Change,
    #[serde(rename = "x")]
    SupportCode,
    #[serde(rename = "y")]
    FreezeConfirm,
}

/// The result of the last form.
#[derive(Clone, Deserialize, Serialize)]
pub(super) enum Flash {
    WrongPassword,
    WrongCode { tries: u32 },
    Malformed,
    Expired,
    Exhausted,
    Longer,
    Resent,
    Weak { issues: Vec<Issue> },
}

/// The reason why a password is refused: a [`PasswordIssue`], or one of two that only a form has.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Issue {
    Breached,
    Characters,
    Common,
    Kinds,
    Long { most: usize },
    Mismatch,
    Personal,
    Same,
    Short { least: usize },
}

impl Jar {
    /// Returns the content of a cookie. It is empty if this service did not seal the cookie.
    pub(super) fn open(envelopes: &Envelopes, about: &str, cookie: Option<&str>) -> Self {
        let plain = cookie.and_then(|cookie| envelopes.open(about, cookie));
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default()
    }

    /// Returns the value of the cookie. Of more journeys than fit, the oldest form that is still empty
    /// is dropped first. A link of another site can open such forms often, and must not push the
    /// journey of another tab out.
    pub(super) fn seal(&self, envelopes: &Envelopes, about: &str) -> Result<String, Error> {
        let mut kept = self.clone();
        loop {
            // These types can always be written as JSON.
            let plain = Zeroizing::new(serde_json::to_vec(&kept).unwrap_or_default());
            let newest_only = kept.journeys.len() <= 1;
            if newest_only || (kept.journeys.len() <= MOST && plain.len() <= MOST_BYTES) {
                return envelopes.seal(about, &plain);
            }
            let others = kept.journeys.len().saturating_sub(1);
            let empty = kept.journeys.iter().take(others).position(Journey::is_empty_form);
            kept.journeys.remove(empty.unwrap_or_default());
        }
    }

    /// Returns the journey of that id or, without an id, the newest one.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Journey> {
        match id {
            Some(id) => self.journeys.iter().find(|journey| journey.id == id),
            None => self.journeys.last(),
        }
    }

    /// Returns an entrance for users who forgot the password whose form is still empty.
    pub(super) fn unused(&self, return_to: Option<&str>) -> Option<&Journey> {
        let empty = |it: &&Journey| it.is_unused() && it.address.is_empty();
        self.journeys.iter().filter(empty).find(|it| it.return_to.as_deref() == return_to)
    }

    /// Forgets every journey but keeps the language.
    pub(super) fn clear(&mut self) {
        self.journeys.clear();
    }

    /// Returns true if there is no journey.
    pub(super) fn is_empty(&self) -> bool {
        self.journeys.is_empty()
    }

    /// Forgets a journey.
    pub(super) fn remove(&mut self, id: &str) {
        self.journeys.retain(|journey| journey.id != id);
    }

    /// Puts a journey in, or back in, as the newest one.
    pub(super) fn put(&mut self, journey: Journey) {
        self.journeys.retain(|other| other.id != journey.id);
        self.journeys.push(journey);
    }
}

impl Journey {
    /// Creates a journey.
    pub(super) fn begin(
        address: &str,
        stage: Stage,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyUnavailable> {
        let key = RequestKey::generate(entropy)?;
        Ok(Self {
            account: None,
            address: address.to_owned(),
            flash: None,
            freeze: None,
            grant: None,
            has_first_proof: false,
            id: format!("{:08x}", entropy.word()? >> 32),
            key: Some(Secret::of(hex(key.expose()))),
            must_change: false,
            return_to: None,
            stage,
            stamp: None,
            token: None,
            ways: Vec::new(),
        })
    }

    /// Creates the journey of a signed-in user who changes the password.
    pub(super) fn change(
        session: &Session,
        address: &str,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyUnavailable> {
        let journey = Self::begin(address, Stage::Change, entropy)?;
        let account = Some(session.account.as_str().to_owned());
        Ok(Self { account, stamp: Some(*session.stamp.as_bytes()), ..journey })
    }

    /// Returns the same journey without its reset and with another key for the next one.
    pub(super) fn afresh(&self, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let fresh = Self::begin(&self.address, Stage::Password, entropy)?;
        Ok(Self { id: self.id.clone(), return_to: self.return_to.clone(), ..fresh })
    }

    /// Returns the same journey at a further stage.
    pub(super) fn at(&self, stage: Stage, flash: Option<Flash>) -> Self {
        Self { flash, stage, ..self.clone() }
    }

    /// Returns the same journey with its reset, and without the key that opened the reset.
    pub(super) fn opened(&self, token: &FlowToken) -> Self {
        Self {
            account: None,
            key: None,
            stamp: None,
            token: Some(Secret::of(token.expose())),
            ..self.clone()
        }
    }

    /// Returns the same journey after the first of two proofs.
    pub(super) fn proved(&self, next: &NextProof) -> Self {
        let ways = next.ways.iter().map(|way| match way {
            ProofWay::Code { method, hint } => {
                Way::Code { by_sms: *method == Method::Sms, hint: hint.clone() }
            }
            ProofWay::HostProof => Way::Host,
        });
        let next = self.at(Stage::NextProof, None);
        Self { has_first_proof: true, ways: ways.collect(), ..next }
    }

    /// Returns what the user sees of the place that a second code goes to in this way.
    pub(super) fn hint(&self, wants_sms: bool) -> Option<String> {
        self.ways.iter().find_map(|way| match way {
            Way::Code { by_sms, hint } if *by_sms == wants_sms => Some(hint.clone()),
            Way::Code { .. } | Way::Host => None,
        })
    }

    /// Returns the same journey after the last proof.
    pub(super) fn granted(&self, grant: &Grant) -> Self {
        let next = self.at(Stage::NewPassword, None);
        let grant = Some(Secret::of(grant.expose()));
        Self { grant, has_first_proof: false, ways: Vec::new(), ..next }
    }

    /// Returns the journey of a code that may freeze an account.
    pub(super) fn freezing(&self, code: &Code) -> Self {
        let next = self.at(Stage::FreezeConfirm, None);
        Self { freeze: Some(Secret::of(code.expose())), key: None, ..next }
    }

    /// Returns the journey after the answer to such a code. It keeps no code.
    pub(super) fn answered(&self, stage: Stage) -> Self {
        Self { freeze: None, ..self.at(stage, None) }
    }

    /// Returns the same journey after the right password of an account that must change it.
    pub(super) fn must_change(&self, grant: &Grant) -> Self {
        Self {
            account: None,
            key: None,
            must_change: true,
            stamp: None,
            token: None,
            ..self.granted(grant)
        }
    }

    /// Returns the same journey at its end. It keeps no secret, because a repeat of its last form
    /// brings the grant in an older cookie or brings this cookie.
    pub(super) fn done(&self, signed_in: bool, onward: bool, until: Timestamp) -> Self {
        let until = until.as_micros();
        let stayed = self.account.is_some();
        let ended = self.at(Stage::Done { onward, signed_in, stayed, until }, None);
        Self { account: None, grant: None, key: None, stamp: None, token: None, ..ended }
    }

    /// Returns whether the journey's page comes after the page for the code.
    pub(super) const fn is_past_the_code(&self) -> bool {
        matches!(self.stage, Stage::NewPassword | Stage::Done { .. })
    }

    /// Returns whether the journey has ended.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done { .. })
    }

    /// Returns whether the journey is a form that nobody has sent yet.
    fn is_empty_form(&self) -> bool {
        match self.stage {
            Stage::Change => self.flash.is_none(),
            Stage::Forgot => self.address.is_empty(),
            _ => false,
        }
    }

    /// Returns whether this is an entrance for users who forgot the password, not used yet.
    pub(super) const fn is_unused(&self) -> bool {
        matches!(self.stage, Stage::Forgot)
    }

    /// Returns the stamp that the session of that user had when the form was shown.
    pub(super) fn stamp(&self) -> Option<Stamp> {
        self.stamp.map(Stamp::from_bytes)
    }

    /// Returns the account of the signed-in user who changes the password.
    pub(super) fn account(&self) -> Option<AccountId> {
        AccountId::parse(self.account.as_deref()?).ok()
    }

    /// Returns the key of the journey's one request for a reset, or of its one change.
    pub(super) fn request_key(&self) -> Option<RequestKey> {
        let text = self.key.as_ref()?.expose();
        let mut bytes = Zeroizing::new([0; 32]);
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(RequestKey::from_bytes(*bytes))
    }

    /// Returns the page that shows the journey's stage.
    pub(super) const fn page(&self) -> &'static str {
        match self.stage {
            Stage::Address => "sign-in",
            Stage::Change => "change",
            Stage::Forgot => "forgot",
            Stage::SupportCode => "support-code",
            Stage::Password => "password",
            Stage::Locked { .. } => "locked",
            Stage::Freeze => "freeze",
            Stage::FreezeConfirm => "freeze-account",
            Stage::Frozen => "frozen",
            Stage::Later { .. } => "try-later",
            Stage::SendCode => "send-code",
            Stage::Code => "code",
            Stage::NewPassword => "new-password",
            Stage::NextProof => "next-proof",
            Stage::Done { .. } => "done",
            Stage::Off => "unavailable",
        }
    }
}

impl Issue {
    /// The issue of a policy that the page has words for.
    pub(super) const fn of(issue: &PasswordIssue) -> Self {
        match *issue {
            PasswordIssue::Breached => Self::Breached,
            PasswordIssue::Characters => Self::Characters,
            PasswordIssue::Common => Self::Common,
            PasswordIssue::Kinds => Self::Kinds,
            PasswordIssue::Long { most } => Self::Long { most },
            PasswordIssue::Personal => Self::Personal,
            PasswordIssue::SameAsCurrent => Self::Same,
            PasswordIssue::Short { least } => Self::Short { least },
        }
    }

    /// Returns the issue of a text that cannot be a password.
    pub(super) const fn unreadable(error: crate::domain::PasswordError, least: usize) -> Self {
        use crate::domain::PasswordError;
        match error {
            PasswordError::Control => Self::Characters,
            PasswordError::Empty => Self::Short { least },
            PasswordError::TooLong => Self::Long { most: Password::MAX_CHARACTERS },
        }
    }
}

/// Returns a time that the cookie keeps.
pub(super) const fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
#[path = "journey_tests.rs"]
mod tests;
