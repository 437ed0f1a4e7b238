//! `look`: how a reset stands.

use crate::{
    domain::FlowToken,
    error::Error,
    ports::{EventKind, Outcome},
};

use super::{LookOutcome, SentCode, Sspr, View, span::spanned, sspr::About};

impl Sspr {
    /// Tells how a reset stands; consumes, charges and changes nothing. For pages after a
    /// redirect, and for polls.
    ///
    /// # Errors
    /// The code store or the policy source failed.
    pub async fn look(&self, token: &FlowToken) -> Result<LookOutcome, Error> {
        let now = self.inner.clock.now();
        let answer = spanned("look", None, self.look_at(token)).await;
        let outcome = match &answer {
            Ok(LookOutcome::View(_)) => Outcome::Ok,
            Ok(LookOutcome::Gone) => Outcome::Rejected,
            Err(_) => Outcome::Error,
        };
        let failure = answer.as_ref().err().map(Error::failure);
        let about = About::default().reset(token.record()).failed(failure.as_ref());
        let tenant = self.inner.tenants.named(token.record().tenant_tag());
        let about = About { tenant: tenant.as_ref(), ..about };
        self.inner.emit(EventKind::Look, outcome, about, now);
        answer
    }

    async fn look_at(&self, token: &FlowToken) -> Result<LookOutcome, Error> {
        let inner = &*self.inner;
        if !self.admits(token.is_genuine(&inner.keys), token.scope()) {
            return Ok(LookOutcome::Gone);
        }
        let Some(stored) = inner.load(token.record(), inner.clock.now()).await? else {
            return Ok(LookOutcome::Gone);
        };
        let origin = &stored.reset.origin;
        let policy = inner.policy(&origin.tenant)?;
        let (Some(policy), Some(address), true) =
            (policy, inner.typed_address(token, origin), stored.reset.token.matches(&token.hash()))
        else {
            return Ok(LookOutcome::Gone);
        };
        let tries = policy.limits().numbers().tries_per_challenge;
        Ok(LookOutcome::View(View {
            expires_at: stored.reset.expires_at(),
            masked_address: address.masked(),
            reason: origin.reason,
            sent: stored.reset.sent.as_ref().map(|sent| SentCode::of(sent, &address)),
            stage: stored.reset.stage.name(),
            tries_left: tries.saturating_sub(stored.tries),
        }))
    }
}
