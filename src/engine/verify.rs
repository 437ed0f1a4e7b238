//! `verify`: the try of a code.

use crate::{
    domain::{
        Account, Charge, Code, CodeFormat, CounterName, Digest, Family, FlowToken, Grant,
        IdentityProvider, Method, Over, Purpose, Timestamp,
    },
    error::Error,
    flow::{Bound, Event, Origin, Refusal, ResetReason, Stage, StageName, Step},
    policy::TenantPolicy,
    ports::{Attempted, EventKind, Limit, Outcome, Swapped},
};

use super::{
    Client, Granted, NextProof, Rejection, SendOutcome, SentCode, Sspr, VerifyOutcome,
    call::Call,
    reached_limit::by_family,
    records::{MAX_CONFLICTS, terms},
    sends::TextOf,
    sign_in::has_password,
    span::spanned,
    sspr::Inner,
    stored::Stored,
    throttle::{Lane, is_past_visible_cap, retry_at},
};

/// The result of one try, with the outcome for its event.
pub(super) struct Tried {
    pub(super) answer: VerifyOutcome,
    pub(super) outcome: Outcome,
}

impl Sspr {
    /// Tries a code.
    ///
    /// One try is charged before the code is compared. The account is looked up only after a match.
    /// If the same browser repeats the same right code, it gets the same grant, as long as the code
    /// has tries left.
    ///
    /// # Errors
    /// A store or the policy source failed. The try may have been charged.
    ///
    /// # Security
    /// Each call makes at most one comparison. A right code gets the answer of a wrong one if the
    /// policy, the account or a silent counter stands against it.
    pub async fn verify(
        &self,
        token: &FlowToken,
        code: &Code,
        client: &Client,
    ) -> Result<VerifyOutcome, Error> {
        self.verify_sent(token, code, None, client).await
    }

    /// Does what [`Sspr::verify`] does, unless another code than the one that ends at `sent` is the
    /// latest one. The answer is then [`Rejection::Gone`], and a try is charged.
    pub(crate) async fn verify_sent(
        &self,
        token: &FlowToken,
        code: &Code,
        sent: Option<Timestamp>,
        client: &Client,
    ) -> Result<VerifyOutcome, Error> {
        let call = self.inner.call(EventKind::Verify, Some(client)).of_reset(token.record());
        let tried = if self.admits(token.is_genuine(&self.inner.keys), token.scope()) {
            let correlation = client.correlation.as_ref();
            spanned("verify", correlation, self.verify_at(token, code, sent, client, &call)).await
        } else {
            Ok(gone())
        };
        let outcome = tried.as_ref().map_or(Outcome::Error, |tried| tried.outcome);
        if matches!(outcome, Outcome::Rejected | Outcome::Withheld | Outcome::LongerCode) {
            self.inner.tenants.wrong_try(token.record().tenant_tag());
        }
        call.report(outcome, tried.map(|tried| tried.answer))
    }

    async fn verify_at(
        &self,
        token: &FlowToken,
        code: &Code,
        sent: Option<Timestamp>,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Tried, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let id = token.record();
        let Some(lane) = self.lane_of(token, client, now).await? else { return Ok(gone()) };
        let limits = inner.limits(id.tenant_tag())?;
        let charges = inner.throttle(id.tenant_tag(), &limits).network_try(&lane, client);
        let (stored, over) = match inner.codes.attempt(&id, &charges, now).await? {
            Attempted::Missing | Attempted::Dead => return Ok(gone()),
            Attempted::Exhausted => return Ok(rejected(Rejection::Exhausted, Outcome::Exhausted)),
            Attempted::Refused(over) => {
                call.has_reached(by_family(&over));
                return Ok(later(retry_at(&over, now)));
            }
            Attempted::Charged { record, over } => (Stored::read(id, &record)?, over),
        };
        let Some(policy) = inner.policy(&stored.reset.origin.tenant)? else { return Ok(gone()) };
        if !stored.reset.token.matches(&token.hash()) || stored.has_replaced(sent) {
            return Ok(gone());
        }
        call.has_stored(&stored);
        let limits = policy.limits();
        let wrong = |outcome| {
            let tries_left = limits.tries_per_challenge.saturating_sub(stored.tries);
            Ok(rejected(Rejection::WrongCode { tries_left }, outcome))
        };
        if let Step::Refused(refusal) = stored.reset.step(Event::Try, &terms(limits), now) {
            return match refusal {
                Refusal::Expired => Ok(rejected(Rejection::Expired, Outcome::Expired)),
                Refusal::NoCode => wrong(Outcome::Rejected),
                Refusal::Gone if over.is_empty() => {
                    Ok(inner.granted_before(token, code, &stored).map_or_else(gone, passed))
                }
                Refusal::Gone | Refusal::TooSoon { .. } => Ok(gone()),
            };
        }
        call.has_reached(by_family(&over));
        // A repeat of the first proof needs no longer code.
        if stored.reset.stage.name() == StageName::Proved && !over.is_empty() {
            return wrong(Outcome::Withheld);
        }
        if is_past_visible_cap(&over) {
            return self.send_longer(stored, token, client, &over, call).await;
        }
        // While a tenant is under attack, no short code is compared, not even one that was sent
        // before.
        let announced = stored.reset.sent.map(|sent| sent.format);
        let threshold = limits.tenant_tries;
        if announced == Some(CodeFormat::Digits)
            && inner.tenants.is_elevated(id.tenant_tag(), threshold, now)
            && stored.reset.stage.name() != StageName::Proved
        {
            call.has_reached(Some(Limit::TenantTries));
            return self.send_longer(stored, token, client, &over, call).await;
        }
        let Some(bound) = stored.reset.bound.as_ref() else { return wrong(Outcome::Rejected) };
        if !over.is_empty() {
            return wrong(Outcome::Withheld);
        }
        let digest = inner.keys.code_digest(bound.key, &bound.binding, code);
        if !digest.is_some_and(|digest| digest.matches(&bound.code)) {
            return wrong(Outcome::Rejected);
        }
        if stored.reset.lacks_second_proof(&policy) {
            let next = self.first_proof(bound, &stored, now).await?;
            return next.map_or_else(|| wrong(Outcome::Withheld), |next| Ok(more_needed(next)));
        }
        let Some(grant) = inner.grant_of(token, &*code.symbols(), bound) else {
            return wrong(Outcome::Withheld);
        };
        let matched = Event::Match { grant: grant.hash() };
        match self.grant(matched, grant, (bound, streaks(&bound.silent)), &stored, now).await? {
            Some(granted) => Ok(passed(granted)),
            None => wrong(Outcome::Withheld),
        }
    }

    /// Returns the lane of a try, or `None` if the token opens no reset.
    ///
    /// It reads the record only in two cases. A device proof names an address that only the record
    /// knows. A tenant that this process has not met has limits that it needs.
    pub(super) async fn lane_of(
        &self,
        token: &FlowToken,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Lane>, Error> {
        let inner = &*self.inner;
        let is_met = inner.tenants.named(token.record().tenant_tag()).is_some();
        if client.device.is_none() && is_met {
            return Ok(Some(Lane::of(None, client)));
        }
        let Some(stored) = inner.load(token.record(), now).await? else { return Ok(None) };
        let origin = &stored.reset.origin;
        if !stored.reset.token.matches(&token.hash()) || inner.policy(&origin.tenant)?.is_none() {
            return Ok(None);
        }
        let address = inner.typed_address(token, origin);
        Ok(address.map(|address| inner.lane(&origin.tenant, &address, client, now)))
    }

    /// Handles the last proof: checks the account and the policy again, writes the grant, and clears
    /// these counters.
    pub(super) async fn grant(
        &self,
        proved: Event,
        grant: Grant,
        (bound, clear): (&Bound, &[CounterName]),
        first: &Stored,
        now: Timestamp,
    ) -> Result<Option<Granted>, Error> {
        let inner = &*self.inner;
        let is_code = matches!(proved, Event::Match { .. });
        let mut reread: Option<Stored> = None;
        for _ in 0..MAX_CONFLICTS {
            let stored = reread.as_ref().unwrap_or(first);
            let Some(policy) = inner.policy(&stored.reset.origin.tenant)? else { return Ok(None) };
            let limits = policy.limits();
            let next = match stored.reset.step(proved.clone(), &terms(limits), now) {
                Step::Next(next) => next,
                Step::Stay if inner.is_permitted(stored, bound).await? => {
                    return Ok(stored.reset.grant_expiry().map(|at| granted(grant, at)));
                }
                Step::Stay | Step::Refused(_) => return Ok(None),
            };
            let next = Stored { reset: next, ..*stored };
            let Some(typed) = inner.permitted(&next, bound).await? else { return Ok(None) };
            // The first code was counted as typed when it was tried.
            let typed = if is_code { typed } else { Vec::new() };
            let next = next.reset;
            let (record, version) = (inner.record(stored.id, &next, limits), stored.version);
            match inner.codes.compare_and_swap(&record, version, &typed, clear, now).await? {
                Swapped::Swapped { .. } => {
                    return Ok(next.grant_expiry().map(|at| granted(grant, at)));
                }
                Swapped::Missing | Swapped::Refused(_) => return Ok(None),
                Swapped::Conflict { .. } => {}
            }
            let Some(again) = inner.load_if_bound(stored, bound, now).await? else {
                return Ok(None);
            };
            reread = Some(again);
        }
        Ok(None)
    }

    /// Sends a longer code once instead of comparing, because a visible cap is reached or the
    /// tenant is under attack.
    async fn send_longer(
        &self,
        stored: Stored,
        token: &FlowToken,
        client: &Client,
        over: &[Over],
        call: &Call<'_>,
    ) -> Result<Tried, Error> {
        let (mut stored, now) = (stored, call.began);
        for _ in 0..MAX_CONFLICTS {
            let sent = stored.reset.sent.filter(|sent| sent.format == CodeFormat::Letters);
            let address = self.inner.typed_address(token, &stored.reset.origin);
            if let Some((sent, address)) = sent.zip(address) {
                let sent = SentCode::of(&sent, &address);
                return Ok(rejected(Rejection::LongerCodeSent(sent), Outcome::LongerCode));
            }
            let longer = (None, Some(CodeFormat::Letters));
            match self.send_from(&stored, token, longer, client, call).await? {
                Some(SendOutcome::Sent(sent)) => {
                    return Ok(rejected(Rejection::LongerCodeSent(sent), Outcome::LongerCode));
                }
                Some(SendOutcome::Gone) => return Ok(gone()),
                Some(
                    SendOutcome::TooSoon { resend_at: at } | SendOutcome::TryLater { retry_at: at },
                ) => {
                    return Ok(later(at));
                }
                None => {}
            }
            let Some(again) = self.inner.load(token.record(), now).await? else {
                return Ok(gone());
            };
            stored = again;
        }
        Ok(later(retry_at(over, now)))
    }
}

impl Inner {
    /// Returns the grant of a proof. The same browser and proof always give the same grant.
    pub(super) fn grant_of(&self, token: &FlowToken, proof: &[u8], bound: &Bound) -> Option<Grant> {
        let fields = self.keys.under(bound.key, Purpose::Grant)?;
        let fields = fields.bytes(token.record().as_bytes()).bytes(token.hash().as_bytes());
        let secret: Digest = fields.bytes(proof).digest();
        let check = self.keys.under(bound.key, Purpose::TokenCheck)?;
        Some(Grant::new(&token.record(), token.scope(), &secret, check))
    }

    /// Reads a reset again after a conflict. Returns `None` if this code counts no more, neither as
    /// the latest one nor as the first proof. If its digest is there, a comparison with it still
    /// stands.
    pub(super) async fn load_if_bound(
        &self,
        stored: &Stored,
        bound: &Bound,
        now: Timestamp,
    ) -> Result<Option<Stored>, Error> {
        let again = self.load(stored.id, now).await?;
        Ok(again.filter(|Stored { reset, .. }| {
            let first = reset.first.as_ref().map(|first| &first.bound);
            reset.bound.iter().chain(first).any(|other| other.code.matches(&bound.code))
        }))
    }

    /// Returns true if the bound account is unchanged, the policy still lets it reset, and the reset
    /// has as many proofs as the policy requires.
    pub(super) async fn is_permitted(&self, stored: &Stored, bound: &Bound) -> Result<bool, Error> {
        Ok(self.permitted(stored, bound).await?.is_some())
    }

    /// Returns the charges that a right code makes, or `None` if [`Inner::is_permitted`] is false.
    async fn permitted(
        &self,
        stored: &Stored,
        bound: &Bound,
    ) -> Result<Option<Vec<Charge>>, Error> {
        let origin = &stored.reset.origin;
        let Some(account) = self.owner_of(stored, bound).await? else { return Ok(None) };
        let Some(policy) = self.policy(&origin.tenant)? else { return Ok(None) };
        let went_to = self.bound_destination(stored, bound, &policy, &account);
        let went_to = went_to.filter(|it| {
            origin.permits(&policy, &account, it.method())
                && self.has_all_proofs(stored, it.method(), &policy, &account)
        });
        let throttle = self.throttle(origin.tenant.tag(), policy.limits());
        let of = TextOf::next(&stored.reset, &policy);
        // A request for another code takes the grant back, but the code may have been counted before.
        let is_latest = stored.reset.sends() == bound.number;
        Ok(went_to.map(|to| match is_latest {
            true => throttle.watched_code(to, of, bound.expires_at),
            false => Vec::new(),
        }))
    }
}

impl Origin {
    /// Returns true if the policy lets the account have a new password in the way that this reset
    /// began, with a code that reached it by this method.
    pub(super) fn permits(&self, policy: &TenantPolicy, account: &Account, method: Method) -> bool {
        match self.reason {
            ResetReason::Forgot => {
                policy.offers_reset(&self.user_flow, &self.application)
                    && policy.decide_by(method, &self.user_flow, account).is_available()
            }
            // Staff have decided, but they cannot lift a lock of the host.
            ResetReason::Assistance => {
                policy.offers_password_sign_in(&self.user_flow, &self.application)
                    && account.identity_providers.contains(&IdentityProvider::EmailPassword)
                    && !account.disabled
                    && !account.locked
            }
            // Who knows the password needs no method, but the account must be able to sign in.
            ResetReason::MustChange => {
                policy.offers_password_sign_in(&self.user_flow, &self.application)
                    && has_password(account)
                    && !account.disabled
                    && !account.locked
                    && account.frozen.is_none()
            }
        }
    }
}

impl crate::flow::Reset {
    fn grant_expiry(&self) -> Option<Timestamp> {
        match self.stage {
            Stage::Verified { expires_at, .. } => Some(expires_at),
            Stage::Opened
            | Stage::CodeSent
            | Stage::Proved
            | Stage::Completed { .. }
            | Stage::Closed => None,
        }
    }
}

/// Returns the counters that count since the last right code. They are the last ones
/// ([`Throttle::silent`]).
pub(super) fn streaks(silent: &[CounterName]) -> &[CounterName] {
    let is_streak = |name: &&CounterName| name.family() == Some(Family::SilentStreak);
    let count = silent.iter().rev().take_while(is_streak).count();
    silent.split_at(silent.len() - count).1
}

pub(super) const fn passed(granted: Granted) -> Tried {
    Tried { answer: VerifyOutcome::Granted(granted), outcome: Outcome::Ok }
}

pub(super) const fn more_needed(next: NextProof) -> Tried {
    Tried { answer: VerifyOutcome::NextProof(next), outcome: Outcome::MoreNeeded }
}

const fn granted(grant: Grant, expires_at: Timestamp) -> Granted {
    Granted { expires_at, grant }
}

pub(super) const fn rejected(rejection: Rejection, outcome: Outcome) -> Tried {
    Tried { answer: VerifyOutcome::Rejected(rejection), outcome }
}

pub(super) const fn gone() -> Tried {
    rejected(Rejection::Gone, Outcome::Expired)
}

pub(super) const fn later(retry_at: Timestamp) -> Tried {
    rejected(Rejection::TryLater { retry_at }, Outcome::TryLater)
}
