//! `sign_in`: the sign-in with a password, and its lockout.

use crate::{
    domain::{Account, DeviceProof, Digest, IdentityProvider, Password, Purpose, Timestamp},
    error::Error,
    policy::TenantPolicy,
    ports::{EventKind, HashError, HashQueue, Outcome, PasswordMatch},
};

use super::{
    Client, Request, SecondFactorDemand, SignInOutcome, SignedIn, Sspr,
    settlement::{Compared, Comparison, IfRight, Owed, Settlement},
    settling::{Charging, Settling},
    span::spanned,
    sspr::{About, Inner},
    throttle::retry_at,
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
        let now = self.inner.clock.now();
        let answer = spanned(
            "sign_in",
            client.correlation.as_ref(),
            self.sign_in_at(request, password, client, now),
        )
        .await;
        let outcome = match &answer {
            Ok(SignInOutcome::SignedIn(_)) => Outcome::Ok,
            Ok(SignInOutcome::Rejected) => Outcome::Rejected,
            Ok(SignInOutcome::LockedOut { .. }) => Outcome::LockedOut,
            Ok(SignInOutcome::TryLater { .. }) => Outcome::TryLater,
            Err(_) => Outcome::Error,
        };
        let failure = answer.as_ref().err().map(Error::failure);
        let about = About::client(client).of(&request.application.tenant).failed(failure.as_ref());
        self.inner.emit(EventKind::SignIn, outcome, about, now);
        answer
    }

    async fn sign_in_at(
        &self,
        request: &Request,
        password: &Password,
        client: &Client,
        now: Timestamp,
    ) -> Result<SignInOutcome, Error> {
        let inner = &*self.inner;
        let policy = inner.policy(&request.application.tenant)?;
        let covered = |policy: &TenantPolicy| {
            let flow = policy.user_flow(&request.application.user_flow);
            flow.is_some_and(|flow| {
                flow.covers(&request.application.id)
                    && flow.identity_providers().contains(&IdentityProvider::EmailPassword)
            }) && self.serves(&request.application)
        };
        let Some(policy) = policy.filter(|policy| covered(policy)) else {
            return Ok(SignInOutcome::Rejected);
        };
        let limits = policy.limits();
        let lane = inner.lane(&request.application.tenant, &request.address, client, now);
        let charges =
            inner.throttle(request.application.tenant.tag(), limits).network_try(&lane, client);
        let found =
            inner.users.find_by_address(&request.application.tenant, &request.address).await?;
        let mut local = found.into_iter().filter(has_password);
        // If several accounts with a password have the address, none of them can be meant.
        let account = local.next().filter(|_| local.next().is_none());
        let may = account.as_ref().is_some_and(|account| !account.disabled);
        // The failures of an account that the host has locked stay. Otherwise the time of the next
        // lockout would tell strangers which of their guesses was right.
        let forgets = account.as_ref().is_some_and(|account| !account.disabled && !account.locked);
        let settlement = Settlement {
            at: now,
            failure: None,
            if_right: if forgets { IfRight::Forget } else { IfRight::Keep },
            is_doubtful: false,
            limits: *limits,
            owed: Owed::Comparison(inner.comparison(request, password, account.as_ref())),
            tenant: request.application.tenant.clone(),
        };
        let correlation = client.correlation.clone();
        // Prepare this before the charge, so that the courier settles the sign-in if the caller
        // leaves.
        let mut settling = Settling::new(self.inner.clone(), correlation, settlement);
        let ids = inner.lockout_ids(request, account.as_ref());
        match settling.charge(ids, &charges, limits, now).await? {
            Charging::Charged => {}
            Charging::Locked(until) => {
                return Ok(SignInOutcome::LockedOut { until: Some(until) });
            }
            Charging::Refused(over) => {
                return Ok(SignInOutcome::TryLater { retry_at: retry_at(&over, now) });
            }
            Charging::Contended => return Ok(SignInOutcome::TryLater { retry_at: now }),
        }
        match (settling.settle().await?, account.filter(|_| may)) {
            (Ok(Compared::Match(verdict)), Some(account)) => {
                self.signed_in(request, password, account, verdict, now).await
            }
            (Ok(Compared::Unsupported), _) => {
                // It ends like a wrong password, because an error would reveal the account.
                let about = About::client(client).of(&request.application.tenant);
                inner.emit(EventKind::UnsupportedHash, Outcome::Error, about, now);
                Ok(SignInOutcome::Rejected)
            }
            (Ok(Compared::Match(_) | Compared::Mismatch), _) => Ok(SignInOutcome::Rejected),
            (Err(HashError::Busy), _) => {
                Ok(SignInOutcome::TryLater { retry_at: now.after(limits.resend_cooldown / 10) })
            }
            (Err(error), _) => Err(error.into()),
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

impl Inner {
    /// Returns a comparison that costs one slow hash for any account, or for none. It owns its
    /// data, so that the courier can finish it.
    fn comparison(
        &self,
        request: &Request,
        password: &Password,
        account: Option<&Account>,
    ) -> Comparison {
        let fields = self.keys.indexes(Purpose::DummyHash).next();
        let fields = fields.map(|fields| fields.tenant(&request.application.tenant));
        let seed = fields.map(|fields| fields.text(request.address.as_str()).digest());
        let seed = seed.unwrap_or(Digest::from_bytes([0; 32]));
        let hash = account.and_then(|account| account.password.clone());
        let (hasher, password) = (self.hasher.clone(), password.duplicate());
        Box::pin(async move {
            let mut compared = Compared::Mismatch;
            if let Some(hash) = hash {
                match hasher.verify(password.duplicate(), hash, HashQueue::SignIn).await {
                    Ok(PasswordMatch::Mismatch) => return Ok(Compared::Mismatch),
                    Ok(verdict) => return Ok(Compared::Match(verdict)),
                    Err(HashError::Unsupported) => compared = Compared::Unsupported,
                    Err(error) => return Err(error),
                }
            }
            hasher.verify_dummy(password, seed, HashQueue::SignIn).await?;
            Ok(compared)
        })
    }
}

/// Returns true if the account signs in with its own password.
pub(super) fn has_password(account: &Account) -> bool {
    account.password.is_some()
        && account.identity_providers.contains(&IdentityProvider::EmailPassword)
}
