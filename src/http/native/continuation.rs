//! Continuation tokens: the state that a client sends back, sealed so that only this service reads
//! it.
//!
//! The token of a reset carries the flow token, the grant or the ticket. The code store decides how
//! long those are valid. The token of a sign-in carries its own end and a random id. The code store
//! remembers the id after the sign-in has led to tokens.

use core::time::Duration;

use base64ct::{Base64UrlUnpadded, Encoding as _};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    call::{Call, Served},
    fault::Fault,
};
use crate::{domain::Timestamp, error::Error, http::secret::Secret};

/// The lifetime of a token that does not belong to a reset.
pub(super) const SIGN_IN_LIFETIME: Duration = Duration::from_secs(600);

/// One continuation token, opened.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Continuation {
    /// The application for which the token was made.
    #[serde(rename = "a")]
    pub(super) application: String,
    /// The scope that the client asked for at V2's entry.
    #[serde(rename = "o", default)]
    pub(super) scope: String,
    /// The end of the token. `None` for a token that is valid as long as its reset or its grant.
    #[serde(rename = "e", default)]
    ends: Option<i64>,
    #[serde(rename = "s")]
    pub(super) step: Step,
}

/// The step that the client has reached.
#[derive(Clone, Deserialize, Serialize)]
pub(super) enum Step {
    /// The entry of V2, where nothing has happened yet.
    #[serde(rename = "e")]
    Entry,
    /// The client has named an address for a reset, which is opened under this token with its first
    /// code.
    #[serde(rename = "n")]
    Named {
        address: String,
        token: Secret,
        /// The end of the token, which the token itself states.
        #[serde(skip)]
        until: i64,
    },
    /// A reset is open. `sent` is the end of its latest code, which tells it from earlier codes.
    #[serde(rename = "r")]
    Reset { token: Secret, sent: i64 },
    /// The first of two proofs was given. The client types the new password next.
    #[serde(rename = "f")]
    Proved { token: Secret, second: Second },
    /// The new password waits for the second proof. It is nowhere but in this token. `sent` is the end
    /// of the second code, once it was sent.
    #[serde(rename = "w")]
    Waiting { token: Secret, password: Secret, second: Second, sent: Option<i64> },
    #[serde(rename = "g")]
    Granted { grant: Secret },
    #[serde(rename = "t")]
    Submitted {
        ticket: Secret,
        /// The end of the ticket, which the token itself states.
        #[serde(skip)]
        until: i64,
    },
    /// The client has named an address. A password is accepted once the client was `challenged` for
    /// it.
    #[serde(rename = "p")]
    SignIn { address: String, challenged: bool, once: Once },
    /// The password was right.
    #[serde(rename = "i")]
    SignedIn { account: String, stamp: [u8; 16], once: Once },
}

/// The way of the second code, and what the user sees of the place that it goes to.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Second {
    pub(super) by_sms: bool,
    pub(super) hint: String,
}

/// The id of one sign-in, from its first token to its last. It leads to tokens at most once.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Once(String);

/// The kind of a token, so that a continuation token and an authorization code are not
/// interchangeable.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Code,
    Continuation,
}

impl Continuation {
    /// Creates a token.
    pub(super) fn new(application: &str, scope: &str, step: Step, now: Timestamp) -> Self {
        let ends = match &step {
            Step::Entry | Step::SignIn { .. } | Step::SignedIn { .. } => {
                Some(now.after(SIGN_IN_LIFETIME).as_micros())
            }
            Step::Named { until, .. } | Step::Submitted { until, .. } => Some(*until),
            Step::Reset { .. }
            | Step::Proved { .. }
            | Step::Waiting { .. }
            | Step::Granted { .. } => None,
        };
        Self { application: application.to_owned(), ends, scope: scope.to_owned(), step }
    }

    /// Returns the next token of the same client.
    pub(super) fn then(&self, step: Step, now: Timestamp) -> Self {
        Self::new(&self.application, &self.scope, step, now)
    }

    /// Returns the token's text.
    pub(super) fn seal(&self, call: &Call, kind: Kind) -> Result<String, Error> {
        // A buffer that grew would leave copies of the secrets behind. These types can always be
        // written as JSON.
        let room = match &self.step {
            // Each byte of a password takes at most six as JSON.
            Step::Waiting { password, .. } => {
                password.expose().len().saturating_mul(6).saturating_add(1024)
            }
            _ => 512,
        };
        let mut plain = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *plain, self).unwrap_or_default();
        call.site.envelopes.seal(&about(call, kind), &plain)
    }

    /// Opens a token that a client sent.
    pub(super) fn open(call: &Call, kind: Kind, text: &str) -> Result<Self, Fault> {
        let plain = call.site.envelopes.open(&about(call, kind), text);
        let plain = plain.ok_or_else(Fault::bad_token)?;
        let mut opened: Self = serde_json::from_slice(&plain).map_err(|_| Fault::bad_token())?;
        if let Step::Named { until, .. } | Step::Submitted { until, .. } = &mut opened.step {
            *until = opened.ends.ok_or_else(Fault::bad_token)?;
        }
        let over = opened.ends.is_some_and(|ends| call.ids.now >= Timestamp::from_micros(ends));
        if over { Err(Fault::expired_token()) } else { Ok(opened) }
    }
}

impl Call {
    /// Opens the token that a client sent, and returns the application for which it was made.
    pub(super) fn continue_with(&self, text: &str) -> Result<(Continuation, Served<'_>), Fault> {
        let token = Continuation::open(self, Kind::Continuation, text)?;
        let served = self.serve(&token.application)?;
        Ok((token, served))
    }

    /// Opens a token if the client also names itself.
    pub(super) fn continue_for(
        &self,
        client_id: &str,
        text: &str,
    ) -> Result<(Continuation, Served<'_>), Fault> {
        let served = self.serve(client_id)?;
        let token = Continuation::open(self, Kind::Continuation, text)?;
        if token.application == client_id { Ok((token, served)) } else { Err(Fault::bad_token()) }
    }

    /// Returns the text of the next token.
    pub(super) fn next(&self, token: &Continuation, step: Step) -> Result<String, Fault> {
        token.then(step, self.ids.now).seal(self, Kind::Continuation).map_err(|_| Fault::down())
    }
}

impl Step {
    /// Returns the step of a client that has been asked for the password. Returns `None` for another
    /// step.
    pub(super) fn challenged(&self) -> Option<Self> {
        let Self::SignIn { address, once, .. } = self else { return None };
        Some(Self::SignIn { address: address.clone(), challenged: true, once: once.clone() })
    }
}

impl Once {
    /// Generates the id of a sign-in. Its text has a fixed length, so that the token's length
    /// reveals nothing.
    pub(super) fn generate(call: &Call) -> Result<Self, Fault> {
        let mut bytes = [0; 16];
        call.site.sspr.entropy().fill(&mut bytes).map_err(|_| Fault::down())?;
        Ok(Self(Base64UrlUnpadded::encode_string(&bytes)))
    }

    /// Returns the bytes of the id.
    pub(super) fn bytes(&self) -> Result<[u8; 16], Fault> {
        let mut bytes = [0; 16];
        match Base64UrlUnpadded::decode(&self.0, &mut bytes) {
            Ok(read) if read.len() == 16 => Ok(bytes),
            Ok(_) | Err(_) => Err(Fault::bad_token()),
        }
    }
}

fn about(call: &Call, kind: Kind) -> String {
    let kind = match kind {
        Kind::Code => "code",
        Kind::Continuation => "continuation",
    };
    [kind, " ", call.site.tenant.as_str()].concat()
}

#[cfg(test)]
#[path = "continuation_tests.rs"]
mod tests;
