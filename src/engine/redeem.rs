//! `redeem`: the sign-in after a reset.

use crate::{
    domain::{Account, DeviceProof, Method, SecondFactor, Ticket},
    error::Error,
    flow::{Event, ResetReason, Stage, Step},
    policy::AfterReset,
    ports::{EventKind, Loaded, Outcome, StoreErrorKind},
};

use super::{
    Context, RedeemOutcome, SecondFactorDemand, SignIn, Sspr, call::Call, records::terms,
    span::spanned, stored::Stored,
};

impl Sspr {
    /// Exchanges a ticket for a sign-in.
    ///
    /// A ticket signs in once, and the call uses it up before anything is checked. A second call
    /// answers [`RedeemOutcome::RequireSignIn`], so that the user signs in with the new password.
    ///
    /// # Errors
    /// A store, the policy source or the source of randomness failed. If the ticket was spent
    /// nevertheless, the user signs in with the new password.
    ///
    /// # Security
    /// The account must still have the stamp that the reset gave it, and the policy must still allow
    /// the reset. A second factor stays required.
    pub async fn redeem(&self, ticket: &Ticket) -> Result<RedeemOutcome, Error> {
        let call = self.inner.call(EventKind::Redeem, None).of_reset(ticket.record());
        let answer = if self.admits(ticket.is_genuine(&self.inner.keys), ticket.scope()) {
            spanned("redeem", None, self.redeem_at(ticket, &call)).await
        } else {
            Ok(RedeemOutcome::Rejected)
        };
        let outcome = match &answer {
            Ok(RedeemOutcome::SignIn(_)) => Outcome::Ok,
            Ok(RedeemOutcome::RequireSignIn) => Outcome::MoreNeeded,
            Ok(RedeemOutcome::Rejected) => Outcome::Rejected,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn redeem_at(&self, ticket: &Ticket, call: &Call<'_>) -> Result<RedeemOutcome, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let id = ticket.record();
        let Some(policy) = inner.policy_of(id, now).await? else {
            return Ok(RedeemOutcome::Rejected);
        };
        let limits = policy.limits();
        let once = inner.throttle(id.tenant_tag(), limits).redeem(ticket);
        let stored = match inner.codes.load(&id, &once, now).await {
            Ok(Loaded::Found(record)) => Stored::alive(id, &record, now)?,
            Ok(Loaded::Missing) => return Ok(RedeemOutcome::Rejected),
            Ok(Loaded::Refused(_)) => return Ok(RedeemOutcome::RequireSignIn),
            // Without room for its counter, nobody knows whether the ticket was used before.
            Err(error) if error.kind() == StoreErrorKind::Full => {
                return Ok(RedeemOutcome::RequireSignIn);
            }
            Err(error) => return Err(error.into()),
        };
        let Some(stored) = stored else { return Ok(RedeemOutcome::Rejected) };
        // The window of the counter began at `now`. By a clock that is far behind the reset, it would
        // end before the ticket does.
        if stored.reset.touched_at.since(now) >= limits.tries_window / 2 {
            return Ok(RedeemOutcome::RequireSignIn);
        }
        let origin = &stored.reset.origin;
        let event = Event::Redeem { ticket: ticket.hash() };
        let step = stored.reset.step(event, &terms(limits), now);
        let (Step::Stay, Stage::Completed { stamp, .. }, Some(bound)) =
            (step, &stored.reset.stage, &stored.reset.bound)
        else {
            return Ok(RedeemOutcome::Rejected);
        };
        call.has_stored(&stored);
        let account = match inner.bound_account(&stored.id, bound) {
            Some(account) => inner.users.find(&origin.tenant, &account).await?,
            None => None,
        };
        // The change has replaced the stamp, so that the code's binding no longer tells the method.
        let eligible = |account: &Account| {
            let mut methods = Method::ALL.iter();
            account.stamp == *stamp
                && stored.reset.has_number_of_proofs(&policy)
                && methods.any(|method| origin.permits(&policy, account, *method))
        };
        let Some(account) = account.filter(eligible) else {
            return Ok(RedeemOutcome::Rejected);
        };
        let Some(address) = account.addresses.first() else {
            return Ok(RedeemOutcome::Rejected);
        };
        // The account was marked after the change.
        if account.must_change {
            return Ok(RedeemOutcome::RequireSignIn);
        }
        // Whoever changed the password at a sign-in is about to sign in anyway.
        if policy.after_reset() == AfterReset::RequireSignIn
            && origin.reason != ResetReason::MustChange
        {
            return Ok(RedeemOutcome::RequireSignIn);
        }
        let device = DeviceProof::generate(
            &origin.tenant,
            address,
            &account.stamp,
            &inner.keys,
            now,
            &*inner.entropy,
        )?;
        Ok(RedeemOutcome::SignIn(SignIn {
            application: origin.application.clone(),
            context: Context::stored(origin.context.clone()),
            device,
            reason: origin.reason,
            second_factor: SecondFactorDemand::of(account.second_factor),
            stamp: account.stamp,
            account: account.id,
        }))
    }
}

impl SecondFactorDemand {
    pub(super) const fn of(factor: SecondFactor) -> Self {
        match factor {
            SecondFactor::None => Self::None,
            SecondFactor::Independent | SecondFactor::SameMailbox => Self::Required,
        }
    }
}
