//! `status`: the state of a reset.

use crate::{
    domain::FlowToken,
    error::Error,
    ports::{EventKind, Outcome},
};

use super::{ResetStatus, SentCode, Sspr, StatusOutcome, span::spanned};

impl Sspr {
    /// Returns the state of a reset, for pages after a redirect and for polling.
    ///
    /// It uses up no try and changes nothing.
    ///
    /// # Errors
    /// The code store or the policy source failed.
    pub async fn status(&self, token: &FlowToken) -> Result<StatusOutcome, Error> {
        let call = self.inner.call(EventKind::Status, None).of_reset(token.record());
        let answer = spanned("status", None, self.status_at(token)).await;
        let outcome = match &answer {
            Ok(StatusOutcome::Status(_)) => Outcome::Ok,
            Ok(StatusOutcome::Gone) => Outcome::Rejected,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn status_at(&self, token: &FlowToken) -> Result<StatusOutcome, Error> {
        let inner = &*self.inner;
        if !self.admits(token.is_genuine(&inner.keys), token.scope()) {
            return Ok(StatusOutcome::Gone);
        }
        let Some(stored) = inner.load(token.record(), inner.clock.now()).await? else {
            return Ok(StatusOutcome::Gone);
        };
        let origin = &stored.reset.origin;
        let policy = inner.policy(&origin.tenant)?;
        let (Some(policy), Some(address), true) =
            (policy, inner.typed_address(token, origin), stored.reset.token.matches(&token.hash()))
        else {
            return Ok(StatusOutcome::Gone);
        };
        let tries = policy.limits().tries_per_challenge;
        Ok(StatusOutcome::Status(ResetStatus {
            expires_at: stored.reset.expires_at(),
            first_proof: stored.reset.first.as_ref().map(|first| first.method),
            masked_address: address.masked(),
            methods: inner.methods(&policy),
            reason: origin.reason,
            sent: stored.reset.sent.as_ref().map(|sent| SentCode::of(sent, &address)),
            stage: stored.reset.stage.name(),
            tries_left: tries.saturating_sub(stored.tries),
        }))
    }
}
