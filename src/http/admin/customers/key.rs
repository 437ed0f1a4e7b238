//! The key of a confirmation form, with which an action is done once.

use core::time::Duration;

use sha2::{Digest as _, Sha256};

use super::action::Action;
use crate::{
    domain::{AccountId, ActorId, TenantId, Timestamp},
    engine::{Sspr, Use},
    error::Error,
    http::correlation::fresh_id,
};

/// How long a confirmation form can be sent.
const LIFETIME: Duration = Duration::from_secs(30 * 60);
/// How far the clock of another process may be ahead.
const SKEW: Duration = Duration::from_secs(60);

/// The key of one confirmation form: the time when it was made, and random bits.
///
/// The key protects against a second click, a reload and a repeated request. It does not protect
/// against staff, who can open as many forms as they like. Therefore it needs no seal.
pub(super) struct FormKey {
    text: String,
    made_at: Timestamp,
}

/// The result of using a key.
pub(super) enum Claim {
    First,
    /// The form was sent before, so the action is done already or was refused.
    Repeated,
    /// The form was made more than half an hour ago.
    TooOld,
    /// The store is full, so the answer is unknown.
    Busy,
}

/// The form that a key belongs to. A key that is moved to another form is another key.
pub(super) struct Form<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) account: &'a AccountId,
    pub(super) action: Action,
    pub(super) actor: &'a ActorId,
}

impl FormKey {
    /// Generates the text of a new key, or `None` without randomness.
    pub(super) fn generate(sspr: &Sspr) -> Option<String> {
        let id = fresh_id(sspr.entropy())?;
        Some(format!("{}.{id}", sspr.now().as_micros()))
    }

    /// Reads a key.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (made_at, id) = text.split_once('.')?;
        let made_at = Timestamp::from_micros(made_at.parse().ok()?);
        (id.len() == 36).then(|| Self { made_at, text: text.to_owned() })
    }

    /// Uses the key. The code store remembers it for every process.
    pub(super) async fn claim(&self, sspr: &Sspr, form: &Form<'_>) -> Result<Claim, Error> {
        let now = sspr.now();
        if now.since(self.made_at) >= LIFETIME || self.made_at > now.after(SKEW) {
            return Ok(Claim::TooOld);
        }
        let until = now.after(LIFETIME + SKEW + SKEW);
        Ok(match sspr.use_once(form.tenant, self.id_for(form), until).await? {
            Use::First => Claim::First,
            Use::Repeated => Claim::Repeated,
            Use::Full { .. } => Claim::Busy,
        })
    }

    /// Returns the id under which the key is remembered.
    fn id_for(&self, form: &Form<'_>) -> [u8; 16] {
        let mut hash = Sha256::new_with_prefix(b"sspr help desk form\0");
        let Form { account, action, actor, .. } = form;
        let parts = [self.text.as_str(), action.word(), account.as_str(), actor.as_str()];
        for part in parts {
            // No part contains a NUL.
            hash.update(part);
            hash.update(b"\0");
        }
        let mut id = [0; 16];
        id.copy_from_slice(hash.finalize().split_at(16).0);
        id
    }
}
