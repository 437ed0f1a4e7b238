//! What a browser keeps between two pages: its journeys, sealed in one cookie.
//!
//! One journey is one person's way through the pages in one tab; its id stands in the page's
//! address (`?flow=…`) and is no secret. Several tabs have several journeys, so none takes the
//! other's code away.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    domain::{Entropy, EntropyUnavailable, FlowToken, Grant, Password, Timestamp},
    engine::{RequestKey, Sspr},
    error::Error,
    http::secret::Secret,
    policy::PasswordIssue,
};

/// Most journeys that one cookie keeps.
const MOST: usize = 4;
/// Most bytes of them: sealed and encoded they stay below the 4,096 that browsers keep.
const MOST_BYTES: usize = 2_700;

/// Everything that the cookie holds; the newest journey is last.
#[derive(Clone, Default, Deserialize, Serialize)]
pub(super) struct Jar {
    /// The language that the person chose.
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
    /// As it was typed; an address from the second page on.
    #[serde(rename = "a")]
    pub(super) address: String,
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) return_to: Option<String>,
    /// Makes a double click on "Forgot password?" open one reset. Gone once there is one.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
    /// Opens the reset. Kept beside the grant: a repeat of the code's form ends where it did.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Secret>,
    /// Permits a new password, from the right code to the end.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub(super) grant: Option<Secret>,
    #[serde(rename = "s")]
    pub(super) stage: Stage,
    /// What the next page has to say about the last form.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(super) flash: Option<Flash>,
}

/// How far a journey has come. Instants are microseconds.
#[derive(Clone, Deserialize, Serialize)]
pub(super) enum Stage {
    /// The typed address was none.
    #[serde(rename = "a")]
    Address,
    #[serde(rename = "p")]
    Password,
    #[serde(rename = "l")]
    Locked { until: Option<i64> },
    #[serde(rename = "w")]
    Later { until: i64, back: Back },
    #[serde(rename = "c")]
    Code,
    #[serde(rename = "n")]
    NewPassword,
    #[serde(rename = "d")]
    Done {
        signed_in: bool,
        onward: bool,
        /// How long the page says who was signed in.
        #[serde(default)]
        until: i64,
    },
    /// No reset is offered.
    #[serde(rename = "o")]
    Off,
}

/// What had to wait, and so where "please try later" leads back to.
#[derive(Clone, Copy, Deserialize, PartialEq, Eq, Serialize)]
pub(super) enum Back {
    #[serde(rename = "p")]
    Password,
    /// The first code of a reset.
    #[serde(rename = "s")]
    Send,
    /// A further code: the one before may still be entered.
    #[serde(rename = "r")]
    Resend,
    #[serde(rename = "c")]
    Code,
    #[serde(rename = "n")]
    NewPassword,
}

/// What the last form came to.
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

/// Why a password is not taken; [`PasswordIssue`] and the two that only a form has.
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
    /// What a cookie holds; empty if it is none of ours.
    pub(super) fn open(sspr: &Sspr, about: &str, cookie: Option<&str>) -> Self {
        let purpose = crate::domain::Purpose::PageSeal;
        let plain = cookie.and_then(|cookie| sspr.unseal(purpose, about, cookie));
        plain.and_then(|plain| serde_json::from_slice(&plain).ok()).unwrap_or_default()
    }

    /// The cookie's value.
    pub(super) fn seal(&self, sspr: &Sspr, about: &str) -> Result<String, Error> {
        let mut kept = self.clone();
        loop {
            // These types are always JSON.
            let plain = Zeroizing::new(serde_json::to_vec(&kept).unwrap_or_default());
            let newest_only = kept.journeys.len() <= 1;
            if newest_only || (kept.journeys.len() <= MOST && plain.len() <= MOST_BYTES) {
                return sspr.seal(crate::domain::Purpose::PageSeal, about, &plain);
            }
            kept.journeys.remove(0);
        }
    }

    /// The journey of that id or, without one, the newest.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Journey> {
        match id {
            Some(id) => self.journeys.iter().find(|journey| journey.id == id),
            None => self.journeys.last(),
        }
    }

    /// Forgets every journey; the language stays.
    pub(super) fn clear(&mut self) {
        self.journeys.clear();
    }

    /// Whether there is any journey.
    pub(super) fn is_empty(&self) -> bool {
        self.journeys.is_empty()
    }

    /// Forgets a journey.
    pub(super) fn remove(&mut self, id: &str) {
        self.journeys.retain(|journey| journey.id != id);
    }

    /// Puts a journey back, or a new one in, as the newest.
    pub(super) fn put(&mut self, journey: Journey) {
        self.journeys.retain(|other| other.id != journey.id);
        self.journeys.push(journey);
    }
}

impl Journey {
    /// A new journey.
    pub(super) fn begin(
        address: &str,
        stage: Stage,
        entropy: &dyn Entropy,
    ) -> Result<Self, EntropyUnavailable> {
        let key = RequestKey::generate(entropy)?;
        Ok(Self {
            address: address.to_owned(),
            flash: None,
            grant: None,
            id: format!("{:08x}", entropy.word()? >> 32),
            key: Some(Secret::of(hex(key.expose()))),
            return_to: None,
            stage,
            token: None,
        })
    }

    /// The same journey with the reset forgotten, and another key for the next one.
    pub(super) fn afresh(&self, entropy: &dyn Entropy) -> Result<Self, EntropyUnavailable> {
        let fresh = Self::begin(&self.address, Stage::Password, entropy)?;
        Ok(Self { id: self.id.clone(), return_to: self.return_to.clone(), ..fresh })
    }

    /// The same journey, further on.
    pub(super) fn at(&self, stage: Stage, flash: Option<Flash>) -> Self {
        Self { flash, stage, ..self.clone() }
    }

    /// The same journey with its reset, whose key is of no more use.
    pub(super) fn opened(&self, token: &FlowToken) -> Self {
        Self { key: None, token: Some(Secret::of(token.expose())), ..self.clone() }
    }

    /// The same journey after the right code.
    pub(super) fn granted(&self, grant: &Grant) -> Self {
        let next = self.at(Stage::NewPassword, None);
        Self { grant: Some(Secret::of(grant.expose())), ..next }
    }

    /// The same journey at its end. A repeat of its last form brings the grant in the cookie of
    /// that form's page, or this cookie: so this one keeps no secret.
    pub(super) fn done(&self, signed_in: bool, onward: bool, until: Timestamp) -> Self {
        let until = until.as_micros();
        let ended = self.at(Stage::Done { onward, signed_in, until }, None);
        Self { grant: None, key: None, token: None, ..ended }
    }

    /// Whether its page lies beyond the code's.
    pub(super) const fn is_past_the_code(&self) -> bool {
        matches!(self.stage, Stage::NewPassword | Stage::Done { .. })
    }

    /// Whether it has ended.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done { .. })
    }

    /// The key of its one request for a reset.
    pub(super) fn request_key(&self) -> Option<RequestKey> {
        let text = self.key.as_ref()?.expose();
        let mut bytes = Zeroizing::new([0; 32]);
        for (index, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * index..2 * index + 2)?, 16).ok()?;
        }
        Some(RequestKey::from_bytes(*bytes))
    }

    /// The page that shows how it stands.
    pub(super) const fn page(&self) -> &'static str {
        match self.stage {
            Stage::Address => "sign-in",
            Stage::Password => "password",
            Stage::Locked { .. } => "locked",
            Stage::Later { .. } => "try-later",
            Stage::Code => "code",
            Stage::NewPassword => "new-password",
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

    /// The issue of a text that is no password at all.
    pub(super) const fn unreadable(error: crate::domain::PasswordError, least: usize) -> Self {
        use crate::domain::PasswordError;
        match error {
            PasswordError::Control => Self::Characters,
            PasswordError::Empty => Self::Short { least },
            PasswordError::TooLong => Self::Long { most: Password::MAX_CHARACTERS },
        }
    }
}

/// An instant as the cookie keeps it.
pub(super) const fn instant(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
