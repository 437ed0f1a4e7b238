//! The journeys of a browser, sealed in one cookie between two pages.
//!
//! One journey is one user's way through the pages in one tab. Its id is part of the page's address
//! (`?flow=…`) and is not a secret. Each tab has its own journey, so no tab takes another tab's
//! code away.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{
    domain::{Entropy, EntropyUnavailable, FlowToken, Grant, Password, Timestamp},
    engine::RequestKey,
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
    /// The key that makes a double click on "Forgot password?" open one reset. It is gone once the
    /// reset is open.
    #[serde(rename = "k", default, skip_serializing_if = "Option::is_none")]
    key: Option<Secret>,
    /// The token that opens the reset. It is kept beside the grant, so that a repeat of the code's
    /// form ends at the same page.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) token: Option<Secret>,
    /// The grant that permits a new password, from the right code to the end.
    #[serde(rename = "g", default, skip_serializing_if = "Option::is_none")]
    pub(super) grant: Option<Secret>,
    #[serde(rename = "s")]
    pub(super) stage: Stage,
    /// The message of the next page about the last form.
    #[serde(rename = "f", default, skip_serializing_if = "Option::is_none")]
    pub(super) flash: Option<Flash>,
}

/// The stage that a journey has reached. Times are in microseconds.
#[derive(Clone, Deserialize, Serialize)]
pub(super) enum Stage {
    /// The typed text was not an address.
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
        /// The time until which the page shows which user was signed in.
        #[serde(default)]
        until: i64,
    },
    /// No reset is offered.
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
    #[serde(rename = "n")]
    NewPassword,
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

    /// Returns the value of the cookie.
    pub(super) fn seal(&self, envelopes: &Envelopes, about: &str) -> Result<String, Error> {
        let mut kept = self.clone();
        loop {
            // These types can always be written as JSON.
            let plain = Zeroizing::new(serde_json::to_vec(&kept).unwrap_or_default());
            let newest_only = kept.journeys.len() <= 1;
            if newest_only || (kept.journeys.len() <= MOST && plain.len() <= MOST_BYTES) {
                return envelopes.seal(about, &plain);
            }
            kept.journeys.remove(0);
        }
    }

    /// Returns the journey of that id or, without an id, the newest one.
    pub(super) fn find(&self, id: Option<&str>) -> Option<&Journey> {
        match id {
            Some(id) => self.journeys.iter().find(|journey| journey.id == id),
            None => self.journeys.last(),
        }
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
        Self { key: None, token: Some(Secret::of(token.expose())), ..self.clone() }
    }

    /// Returns the same journey after the right code.
    pub(super) fn granted(&self, grant: &Grant) -> Self {
        let next = self.at(Stage::NewPassword, None);
        Self { grant: Some(Secret::of(grant.expose())), ..next }
    }

    /// Returns the same journey at its end. It keeps no secret, because a repeat of its last form
    /// brings the grant in an older cookie or brings this cookie.
    pub(super) fn done(&self, signed_in: bool, onward: bool, until: Timestamp) -> Self {
        let until = until.as_micros();
        let ended = self.at(Stage::Done { onward, signed_in, until }, None);
        Self { grant: None, key: None, token: None, ..ended }
    }

    /// Returns whether the journey's page comes after the page for the code.
    pub(super) const fn is_past_the_code(&self) -> bool {
        matches!(self.stage, Stage::NewPassword | Stage::Done { .. })
    }

    /// Returns whether the journey has ended.
    pub(super) const fn is_done(&self) -> bool {
        matches!(self.stage, Stage::Done { .. })
    }

    /// Returns the key of the journey's one request for a reset.
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
