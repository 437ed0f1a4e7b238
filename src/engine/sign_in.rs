//! `sign_in`: the sign-in with a password, and its lockout.

use crate::{
    domain::{Account, DeviceProof, IdentityProvider, Password, Timestamp},
    error::Error,
    ports::{EventKind, HashQueue, Outcome, PasswordMatch},
};

use super::{
    Client, Request, SecondFactorDemand, SignInOutcome, SignedIn, Sspr,
    call::Call,
    in_use::keep_those_in_use,
    password_check::{Checked, PasswordCheck},
    settlement::IfRight,
    span::spanned,
};

impl Sspr {
    /// Checks an address and a password.
    ///
    /// It answers [`SignInOutcome::Rejected`] to every user if the user flow does not cover the
    /// application or does not list the identity provider "e-mail with password". Therefore an
    /// administrator who removes `EmailPassword-OAUTH` from a flow also locks out the customers who
    /// have signed up with a password already.
    ///
    /// Dropping the call loses nothing. A wrong password still costs a failure, and the courier takes
    /// back the failure of a right password.
    ///
    /// # Errors
    /// A store, the policy source, the hasher or the source of randomness failed.
    ///
    /// # Security
    /// The session that follows must carry [`SignedIn::stamp`].
    ///
    /// The network budget and a failure are charged before any hash. Unknown
    /// addresses cost a hash and lock like known ones. Only an account with the identity provider
    /// "e-mail with password" can sign in, even if a hash is on file. The lockout belongs to the stamp
    /// of the account, so that a finished reset ends it. The lockout of an unknown address belongs to
    /// its exact spelling.
    ///
    /// A right password of an account with `must_change` opens no session. It permits one new
    /// password, which must differ from the current one. A temporary password that has expired is a
    /// wrong password. Only the right password of a frozen account learns that it is frozen.
    ///
    /// An attacker can learn two things by trying. First, spellings by which a user store finds one
    /// account share a lockout. Second, a right password of the owner clears the failures of a
    /// known address. Suppose that an attacker fails nine times, waits for the owner to sign in,
    /// and fails twice more. The attacker is then locked out only if no account has the address. To
    /// hide this, a right password would have to keep the failures, and owners would be locked out
    /// by their own mistakes.
    pub async fn sign_in(
        &self,
        request: &Request,
        password: &Password,
        client: &Client,
    ) -> Result<SignInOutcome, Error> {
        let call = self.inner.call_for(EventKind::SignIn, request, client);
        let signing_in = self.sign_in_at(request, password, client, &call);
        let answer = spanned("sign_in", client.correlation.as_ref(), signing_in).await;
        let outcome = match &answer {
            Ok(SignInOutcome::SignedIn(_)) => Outcome::Ok,
            Ok(SignInOutcome::MustChange(_)) => Outcome::MoreNeeded,
            Ok(SignInOutcome::Frozen) => Outcome::Frozen,
            Ok(SignInOutcome::Rejected) => Outcome::Rejected,
            Ok(SignInOutcome::LockedOut { .. }) => Outcome::LockedOut,
            Ok(SignInOutcome::TryLater { .. }) => Outcome::TryLater,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn sign_in_at(
        &self,
        request: &Request,
        password: &Password,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<SignInOutcome, Error> {
        let (inner, now) = (&self.inner, call.began);
        let Request { address, application, .. } = request;
        let tenant = &application.tenant;
        let Some(policy) = self.password_policy(application)? else {
            return Ok(SignInOutcome::Rejected);
        };
        let limits = policy.limits();
        let lane = inner.lane(tenant, address, client, now);
        let charges = inner.throttle(tenant.tag(), limits).network_try(&lane, client);
        let found = inner.users.find_by_address(tenant, address).await?;
        let account = only_one(found);
        call.may_have_account(account.as_ref());
        let may = |account: &Account| !account.disabled && !account.has_expired_password(now);
        // The failures of an account that the host has locked stay. Otherwise the time of the next
        // lockout would tell strangers which of their guesses was right.
        let forgets = account
            .as_ref()
            .is_some_and(|account| may(account) && !account.locked && account.frozen.is_none());
        let check = PasswordCheck {
            account: account.as_ref(),
            address,
            charges: &charges,
            if_right: if forgets { IfRight::Forget } else { IfRight::Keep },
            limits,
            password,
            tenant,
        };
        match (inner.check_password(check, client, now).await?, account.filter(may)) {
            // A temporary password that has expired once stays expired.
            (Checked::Right { seen, .. }, Some(account)) if account.has_expired_password(seen) => {
                Ok(SignInOutcome::Rejected)
            }
            (Checked::Right { .. }, Some(account)) if account.frozen.is_some() => {
                Ok(SignInOutcome::Frozen)
            }
            (Checked::Right { .. }, Some(account)) if account.must_change && !account.locked => {
                let granted = self.grant_change(request, &account, limits, now).await?;
                Ok(granted.map_or(
                    SignInOutcome::TryLater { retry_at: now.after(limits.resend_cooldown) },
                    SignInOutcome::MustChange,
                ))
            }
            (Checked::Right { verdict, .. }, Some(account)) => {
                self.signed_in(request, password, account, verdict, now).await
            }
            (Checked::Right { .. } | Checked::Wrong, _) => Ok(SignInOutcome::Rejected),
            (Checked::LockedOut(until), _) => Ok(SignInOutcome::LockedOut { until: Some(until) }),
            (Checked::TryLater(retry_at, limit), _) => {
                call.has_reached(limit);
                Ok(SignInOutcome::TryLater { retry_at })
            }
        }
    }

    /// Completes a sign-in with a right password. The lockout is cleared already.
    async fn signed_in(
        &self,
        request: &Request,
        password: &Password,
        account: Account,
        verdict: PasswordMatch,
        now: Timestamp,
    ) -> Result<SignInOutcome, Error> {
        let inner = &*self.inner;
        let (tenant, address) = (&request.application.tenant, &request.address);
        if account.locked {
            return Ok(SignInOutcome::LockedOut { until: None });
        }
        if let (PasswordMatch::MatchOutdated, Some(old)) = (verdict, &account.password) {
            // This is best effort, because the next sign-in tries again.
            if let Ok(new) = inner.hasher.hash(password.duplicate(), HashQueue::SignIn).await {
                let _ = inner.users.rehash(tenant, &account.id, old, &new).await;
            }
        }
        let _ = inner.users.signed_in(tenant, &account.id, now).await;
        let device = DeviceProof::generate(
            tenant,
            address,
            &account.stamp,
            &inner.keys,
            now,
            &*inner.entropy,
        )?;
        Ok(SignInOutcome::SignedIn(SignedIn {
            device,
            second_factor: SecondFactorDemand::of(account.second_factor),
            stamp: account.stamp,
            account: account.id,
        }))
    }
}

/// Returns true if the account signs in with its own password.
pub(super) fn has_password(account: &Account) -> bool {
    account.password.is_some()
        && account.identity_providers.contains(&IdentityProvider::EmailPassword)
}

/// Returns the only account that can be meant by an address. If several accounts with a password
/// are in use, none of them can.
pub(super) fn only_one(found: Vec<Account>) -> Option<Account> {
    let mut local: Vec<Account> = found.into_iter().filter(has_password).collect();
    keep_those_in_use(&mut local);
    let first = local.pop();
    first.filter(|_| local.is_empty())
}
