//! Continuation tokens: what a client brings back, sealed so that only this service reads it.
//!
//! Nothing is kept on the server for them. Of a reset they carry the flow token, the grant or the
//! ticket, and the code store decides what those are worth; the sign-in half is stateless.

use core::time::Duration;

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{call::Call, fault::Fault};
use crate::{
    domain::{Instant, Purpose},
    error::Error,
    http::secret::Secret,
};

/// How long a token is good that no reset stands behind.
pub(super) const SIGN_IN_LIFETIME: Duration = Duration::from_secs(600);
/// How long a token of a reset is read; the reset itself ends before.
pub(super) const RESET_LIFETIME: Duration = Duration::from_secs(2 * 3600);

/// One continuation token, opened.
#[derive(Clone, Deserialize, Serialize)]
pub(super) struct Continuation {
    /// The application that it was made for.
    #[serde(rename = "a")]
    pub(super) application: String,
    /// What the client asked for at V2's entry.
    #[serde(rename = "o", default)]
    pub(super) scope: String,
    #[serde(rename = "e")]
    ends: i64,
    #[serde(rename = "s")]
    pub(super) step: Step,
}

/// Where the client stands.
#[derive(Clone, Deserialize, Serialize)]
pub(super) enum Step {
    /// V2's entry: nothing has happened.
    #[serde(rename = "e")]
    Entry,
    /// A reset is open; `sent` tells its latest code from the ones before.
    #[serde(rename = "r")]
    Reset { token: Secret, sent: Option<i64> },
    #[serde(rename = "g")]
    Granted { token: Secret, grant: Secret },
    #[serde(rename = "t")]
    Submitted { token: Secret, ticket: Secret },
    /// An address was named, and its password is wanted.
    #[serde(rename = "p")]
    SignIn { address: String },
    /// The password was right.
    #[serde(rename = "i")]
    SignedIn { account: String, stamp: [u8; 16] },
}

/// A token and an authorization code never stand in for each other.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Code,
    Continuation,
}

impl Continuation {
    /// A new token.
    pub(super) fn new(application: &str, scope: &str, step: Step, now: Instant) -> Self {
        let lifetime = match &step {
            Step::Entry | Step::SignIn { .. } | Step::SignedIn { .. } => SIGN_IN_LIFETIME,
            Step::Reset { .. } | Step::Granted { .. } | Step::Submitted { .. } => RESET_LIFETIME,
        };
        Self {
            application: application.to_owned(),
            ends: now.after(lifetime).as_micros(),
            scope: scope.to_owned(),
            step,
        }
    }

    /// The next token of the same client.
    pub(super) fn then(&self, step: Step, now: Instant) -> Self {
        Self::new(&self.application, &self.scope, step, now)
    }

    /// The token's text.
    pub(super) fn seal(&self, call: &Call, kind: Kind) -> Result<String, Error> {
        // These types are always JSON.
        let plain = Zeroizing::new(serde_json::to_vec(self).unwrap_or_default());
        call.site.sspr.seal(Purpose::NativeSeal, &about(call, kind), &plain)
    }

    /// Opens a token that a client brought.
    pub(super) fn open(call: &Call, kind: Kind, text: &str) -> Result<Self, Fault> {
        let plain = call.site.sspr.unseal(Purpose::NativeSeal, &about(call, kind), text);
        let plain = plain.ok_or_else(Fault::bad_token)?;
        let opened: Self = serde_json::from_slice(&plain).map_err(|_| Fault::bad_token())?;
        let over = call.now >= Instant::from_micros(opened.ends);
        if over { Err(Fault::expired_token()) } else { Ok(opened) }
    }
}

fn about(call: &Call, kind: Kind) -> String {
    let kind = match kind {
        Kind::Code => "code",
        Kind::Continuation => "continuation",
    };
    format!("{kind} {}", call.site.tenant)
}
