//! `sign_in`: address and password, with a lockout that a reset opens.

use crate::{
    domain::{
        Account, DeviceProof, Digest, IdentityProvider, Instant, Password, Purpose, RecordId,
    },
    error::Error,
    flow::{Lockout, LockoutTerms, decode_lockout, encode_lockout},
    policy::{Numbers, TenantPolicy},
    ports::{EventKind, HashError, Inserted, Outcome, Record, Share, Swapped, Verdict},
};

use super::{
    Client, Request, SecondFactorDemand, SignInOutcome, SignedIn, Sspr, span::spanned, sspr::About,
    throttle::retry_at,
};

const MAX_CONFLICTS: usize = 64;

/// The lockout of one key, and where it is kept.
struct Kept {
    id: RecordId,
    /// Before this try was charged.
    before: Lockout,
    /// With it.
    lockout: Lockout,
    /// 0 if it is not yet written.
    version: u64,
}

enum Charged {
    Kept(Kept),
    Locked(Instant),
    Contended,
}

impl Sspr {
    /// Checks address and password.
    ///
    /// # Errors
    /// A store, the policy source, the hasher or the source of randomness failed.
    ///
    /// # Security
    /// A network budget is charged before any hash, and a failure before any comparison. Unknown
    /// addresses cost a hash and lock like known ones. The lockout is keyed on the account's
    /// stamp, so a finished reset opens it; of an unknown address on how it is spelt. Spellings that
    /// a user store finds one account by share its lockout, which strangers can tell. The answer
    /// must lead to a session that carries [`SignedIn::stamp`].
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
        let about = About::client(client).of(&request.tenant);
        self.inner.emit(EventKind::SignIn, outcome, about, now);
        answer
    }

    async fn sign_in_at(
        &self,
        request: &Request,
        password: &Password,
        client: &Client,
        now: Instant,
    ) -> Result<SignInOutcome, Error> {
        let inner = &*self.inner;
        let policy = inner.policy(&request.tenant)?;
        let covered = |policy: &TenantPolicy| {
            let flow = policy.user_flow(&request.user_flow);
            flow.is_some_and(|flow| {
                flow.covers(&request.application)
                    && flow.identity_providers().contains(&IdentityProvider::EmailPassword)
            }) && self.serves(&request.tenant, &request.application)
        };
        let Some(policy) = policy.filter(|policy| covered(policy)) else {
            return Ok(SignInOutcome::Rejected);
        };
        let numbers = policy.limits().numbers();
        let charges = inner.throttle(request.tenant.tag(), numbers).network_try(client);
        if !charges.is_empty() {
            let over = inner.codes.charge(&charges, now).await?;
            if !over.is_empty() {
                return Ok(SignInOutcome::TryLater { retry_at: retry_at(&over, now) });
            }
        }
        let found = inner.users.find_by_address(&request.tenant, &request.address).await?;
        let mut local = found.into_iter().filter(|account| account.password.is_some());
        // Several accounts with a password on one address: none of them can be meant.
        let account = local.next().filter(|_| local.next().is_none());
        let kept = match self.charge_failure(request, &policy, account.as_ref(), now).await? {
            Charged::Kept(kept) => kept,
            Charged::Locked(until) => {
                return Ok(SignInOutcome::LockedOut { until: Some(until) });
            }
            Charged::Contended => return Ok(SignInOutcome::TryLater { retry_at: now }),
        };
        match self.compare(request, password, account.as_ref(), client, now).await {
            Ok(Some(verdict)) => {
                self.signed_in(request, password, account, verdict, kept, numbers, now).await
            }
            Ok(None) => Ok(SignInOutcome::Rejected),
            // Nothing was compared: the failure is given back, unless somebody else has written.
            Err(HashError::Busy) => {
                self.write(&kept, &kept.before, numbers, now).await?;
                let retry_at = now.after(numbers.resend_cooldown / 10);
                Ok(SignInOutcome::TryLater { retry_at })
            }
            Err(error) => Err(error.into()),
        }
    }

    /// One slow hash, whoever it is. `None` is a mismatch.
    async fn compare(
        &self,
        request: &Request,
        password: &Password,
        account: Option<&Account>,
        client: &Client,
        now: Instant,
    ) -> Result<Option<Verdict>, HashError> {
        let hasher = &self.inner.hasher;
        if let Some(hash) = account.and_then(|account| account.password.clone()) {
            match hasher.verify(password.duplicate(), hash, Share::SignIn).await {
                Ok(verdict) => return Ok(Some(verdict).filter(|it| *it != Verdict::Mismatch)),
                // A failure would tell that there is an account: it ends like a wrong password.
                Err(HashError::Unsupported) => {
                    let about = About::client(client).of(&request.tenant);
                    self.inner.emit(EventKind::UnsupportedHash, Outcome::Error, about, now);
                }
                Err(error) => return Err(error),
            }
        }
        let fields = self.inner.keys.indexes(Purpose::DummyHash).next();
        let fields = fields.map(|fields| fields.tenant(&request.tenant));
        let seed = fields.map(|fields| fields.text(request.address.as_str()).digest());
        let seed = seed.unwrap_or(Digest::from_bytes([0; 32]));
        hasher.verify_dummy(password.duplicate(), seed, Share::SignIn).await?;
        Ok(None)
    }

    #[expect(clippy::too_many_arguments, reason = "one step of sign_in_at, cut out to be read")]
    async fn signed_in(
        &self,
        request: &Request,
        password: &Password,
        account: Option<Account>,
        verdict: Verdict,
        kept: Kept,
        numbers: &Numbers,
        now: Instant,
    ) -> Result<SignInOutcome, Error> {
        let inner = &*self.inner;
        let Some(account) = account.filter(|account| !account.disabled) else {
            return Ok(SignInOutcome::Rejected);
        };
        self.write(&kept, &kept.lockout.cleared(now), numbers, now).await?;
        if account.locked {
            return Ok(SignInOutcome::LockedOut { until: None });
        }
        if let (Verdict::MatchOutdated, Some(old)) = (verdict, &account.password) {
            // Best effort: the next sign-in tries again.
            if let Ok(new) = inner.hasher.hash(password.duplicate(), Share::SignIn).await {
                let _ = inner.users.rehash(&request.tenant, &account.id, old, &new).await;
            }
        }
        let _ = inner.users.signed_in(&request.tenant, &account.id, now).await;
        let address = &request.address;
        let device = DeviceProof::draw(&request.tenant, address, &inner.keys, &*inner.entropy)?;
        Ok(SignInOutcome::SignedIn(SignedIn {
            device,
            second_factor: SecondFactorDemand::of(account.second_factor),
            stamp: account.stamp,
            account: account.id,
        }))
    }

    /// Charges a failure before the comparison, so that parallel guesses never share one.
    async fn charge_failure(
        &self,
        request: &Request,
        policy: &TenantPolicy,
        account: Option<&Account>,
        now: Instant,
    ) -> Result<Charged, Error> {
        let numbers = policy.limits().numbers();
        let (id, old) = self.lockout_ids(request, account);
        for _ in 0..MAX_CONFLICTS {
            let mut kept = self.kept(id, now).await?;
            if let (None, Some(old)) = (&kept, old) {
                // What was counted before the index key was rotated goes on under the new name.
                let before = self.kept(old, now).await?;
                kept = before.map(|before| Kept { id, version: 0, ..before });
            }
            let lockout = Lockout::default();
            let kept = kept.unwrap_or(Kept { before: lockout, id, lockout, version: 0 });
            let terms = LockoutTerms {
                first: numbers.lockout_first,
                longest: numbers.lockout_longest,
                threshold: numbers.lockout_threshold,
            };
            let charged = match kept.lockout.charge(&terms, now) {
                Ok(charged) => charged,
                Err(until) => return Ok(Charged::Locked(until)),
            };
            if let Some(version) = self.write(&kept, &charged, numbers, now).await? {
                return Ok(Charged::Kept(Kept { lockout: charged, version, ..kept }));
            }
        }
        Ok(Charged::Contended)
    }

    /// The lockout under a name, if one is written there.
    async fn kept(&self, id: RecordId, now: Instant) -> Result<Option<Kept>, Error> {
        let Some(loaded) = self.inner.codes.load(&id).await? else { return Ok(None) };
        let lockout = decode_lockout(&loaded.body)?;
        // Long untouched: begin anew.
        let old = now.latest(lockout.touched_at) >= loaded.expires_at;
        let lockout = if old { lockout.cleared(now) } else { lockout };
        Ok(Some(Kept { before: lockout, id, lockout, version: loaded.version }))
    }

    /// Writes a lockout; answers its version, or `None` if somebody else was faster.
    async fn write(
        &self,
        kept: &Kept,
        lockout: &Lockout,
        numbers: &Numbers,
        now: Instant,
    ) -> Result<Option<u64>, Error> {
        let until = lockout.locked_until.unwrap_or(now).latest(lockout.touched_at);
        let record = Record {
            begins_challenge: false,
            body: encode_lockout(lockout),
            charges: Vec::new(),
            expires_at: until.after(numbers.lockout_memory),
            id: kept.id,
            tries_limit: 0,
        };
        let codes = &self.inner.codes;
        if kept.version == 0 {
            let inserted = codes.insert(&record, &[], now).await?;
            return Ok((inserted == Inserted::Inserted).then_some(1));
        }
        Ok(match codes.compare_and_swap(&record, kept.version, &[], &[], now).await? {
            Swapped::Swapped { version } => Some(version),
            Swapped::Conflict { .. } | Swapped::Missing | Swapped::Refused(_) => None,
        })
    }

    /// Where the lockout of an account with its stamp is, or of an address that has none; and where
    /// it was, while the index key is rotated.
    fn lockout_ids(
        &self,
        request: &Request,
        account: Option<&Account>,
    ) -> (RecordId, Option<RecordId>) {
        let mut ids = self.inner.keys.indexes(Purpose::Lockout).map(|fields| {
            let fields = fields.tenant(&request.tenant);
            let fields = match account {
                Some(account) => {
                    fields.number(1).text(account.id.as_str()).bytes(account.stamp.as_bytes())
                }
                // As it is spelt: a spelling that is nobody's must not lock another address where
                // there is an account behind that one, or where there is none.
                None => fields.number(0).text(request.address.as_str()),
            };
            RecordId::from_parts(request.tenant.tag(), fields.digest().head())
        });
        let none = RecordId::from_parts(request.tenant.tag(), [0; 16]);
        (ids.next().unwrap_or(none), ids.next())
    }
}
