//! The second of two proofs: what the first one leads to, and `prove`, the host's own proof.

use zeroize::Zeroizing;

use crate::{
    domain::{
        Account, Code, EmailAddress, FlowToken, Grant, HostProof, Method, Timestamp, UserFlowId,
    },
    error::Error,
    flow::{Bound, Event, FirstProof, Reset, ResetReason, Stage, StageName, Step},
    policy::{Explanation, RequiredProofs, TenantPolicy},
    ports::{Attempted, EventKind, Outcome, Swapped},
};
#[cfg(feature = "axum")]
use crate::{
    domain::{Password, TenantId},
    engine::new_password::broken_rules,
    policy::PasswordIssue,
};

use super::{
    Client, Granted, NextProof, ProofWay, Rejection, Sspr, VerifyOutcome,
    call::Call,
    reached_limit::by_family,
    records::{MAX_CONFLICTS, terms},
    sends::TextOf,
    span::spanned,
    sspr::Inner,
    stored::Stored,
    throttle::retry_at,
    verify::{Tried, gone, later, passed, rejected, streaks},
};

impl Sspr {
    /// Tries a proof that the host checks as the second proof of a reset. Call it after
    /// [`Sspr::verify`] has returned [`VerifyOutcome::NextProof`].
    ///
    /// Two tries are charged before the [`HostProofCheck`](crate::ports::HostProofCheck) is called.
    /// One is a try of the reset's latest code, so codes and proofs of one reset share a budget.
    /// The other is a try of the account's proofs, in counters with the limits of codes. Past these
    /// limits a right proof is refused as [`Rejection::WrongCode`]. A call that is repeated with the
    /// same proof gets the same grant, and the check is not called again.
    ///
    /// # Errors
    /// A store, the policy source or the host's check failed. The try may have been charged.
    ///
    /// # Security
    /// The proof counts only for this reset, and only while the account and its stamp are unchanged
    /// since the first code. Before the first right code the answer is [`Rejection::Gone`] for
    /// everybody, and the check is not called.
    pub async fn prove(
        &self,
        token: &FlowToken,
        proof: &HostProof,
        client: &Client,
    ) -> Result<VerifyOutcome, Error> {
        let call = self.inner.call(EventKind::Verify, Some(client)).of_reset(token.record());
        let tried = if self.admits(token.is_genuine(&self.inner.keys), token.scope()) {
            let correlation = client.correlation.as_ref();
            spanned("prove", correlation, self.prove_at(token, proof, client, &call)).await
        } else {
            Ok(gone())
        };
        let outcome = tried.as_ref().map_or(Outcome::Error, |tried| tried.outcome);
        call.report(outcome, tried.map(|tried| tried.answer))
    }

    /// Returns the rules that a new password breaks whatever the account, so that a front can refuse
    /// it before the second proof.
    ///
    /// # Errors
    /// The policy source failed.
    #[cfg(feature = "axum")]
    pub(crate) fn broken_rules(
        &self,
        tenant: &TenantId,
        password: &Password,
    ) -> Result<Vec<PasswordIssue>, Error> {
        let policy = self.inner.policy(tenant)?;
        Ok(policy.map_or_else(Vec::new, |policy| broken_rules(&policy, password, None)))
    }

    async fn prove_at(
        &self,
        token: &FlowToken,
        proof: &HostProof,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Tried, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let id = token.record();
        let Some(lane) = self.lane_of(token, client, now).await? else { return Ok(gone()) };
        let limits = inner.limits(id.tenant_tag())?;
        let charges = inner.throttle(id.tenant_tag(), &limits).network_try(&lane, client);
        let stored = match inner.codes.attempt(&id, &charges, now).await? {
            Attempted::Missing | Attempted::Dead => return Ok(gone()),
            Attempted::Exhausted => return Ok(rejected(Rejection::Exhausted, Outcome::Exhausted)),
            Attempted::Refused(over) => {
                call.has_reached(by_family(&over));
                return Ok(later(retry_at(&over, now)));
            }
            // The budget of codes does not matter here, because strangers can use it up.
            Attempted::Charged { record, over: _ } => Stored::read(id, &record)?,
        };
        let Some(policy) = inner.policy(&stored.reset.origin.tenant)? else { return Ok(gone()) };
        let (Some(first), Some(check), true) =
            (&stored.reset.first, &inner.host_proofs, stored.reset.token.matches(&token.hash()))
        else {
            return Ok(gone());
        };
        if !stored.reset.awaits_second_proof() {
            return Ok(gone());
        }
        call.has_stored(&stored);
        let tries_left = policy.limits().tries_per_challenge.saturating_sub(stored.tries);
        let wrong = |outcome| Ok(rejected(Rejection::WrongCode { tries_left }, outcome));
        let answer = |granted: Option<Granted>| match granted {
            Some(granted) => Ok(passed(granted)),
            None => wrong(Outcome::Withheld),
        };
        let account = inner.account_of(&stored, first, &policy).await?;
        let Some(account) = account.filter(|account| policy.allows_host_proof(account)) else {
            return wrong(Outcome::Withheld);
        };
        let typed = Zeroizing::new([b"host proof ", proof.expose().as_bytes()].concat());
        let Some(grant) = inner.grant_of(token, &typed, &first.bound) else {
            return wrong(Outcome::Withheld);
        };
        let proved = Event::HostProof { grant: grant.hash() };
        let of = (&first.bound, &[][..]);
        if stored.reset.has_given(&grant) {
            // The host accepts a one-time code only once, so it is not asked again.
            return answer(self.grant(proved, grant, of, &stored, now).await?);
        }
        let charges = inner.throttle(id.tenant_tag(), policy.limits()).host_proof(&account.id);
        let over = inner.codes.charge(&charges, now).await?;
        if !over.is_empty() {
            call.has_reached(by_family(&over));
            return wrong(Outcome::Withheld);
        }
        if !check.check(&stored.reset.origin.tenant, &account.id, proof).await? {
            // The other click of a double click may have used the proof up meanwhile.
            let again = inner.load_if_bound(&stored, &first.bound, now).await?;
            let Some(again) = again.filter(|again| again.reset.has_given(&grant)) else {
                return wrong(Outcome::Rejected);
            };
            return answer(self.grant(proved, grant, of, &again, now).await?);
        }
        let names: Vec<_> = charges.iter().map(|charge| charge.name).collect();
        let clear = [streaks(&first.bound.silent), streaks(&names)].concat();
        answer(self.grant(proved, grant, (&first.bound, &clear), &stored, now).await?)
    }

    /// Keeps a right code as the first of two proofs. Returns `None` if the account, its stamp or the
    /// policy stands against it. A repeat of the code gets the same answer.
    pub(super) async fn first_proof(
        &self,
        bound: &Bound,
        read: &Stored,
        now: Timestamp,
    ) -> Result<Option<NextProof>, Error> {
        let inner = &*self.inner;
        let mut reread: Option<Stored> = None;
        for _ in 0..MAX_CONFLICTS {
            let stored = reread.as_ref().unwrap_or(read);
            let origin = &stored.reset.origin;
            let Some(policy) = inner.policy(&origin.tenant)? else { return Ok(None) };
            let Some(account) = inner.owner_of(stored, bound).await? else { return Ok(None) };
            let Some(to) = inner.bound_destination(stored, bound, &policy, &account) else {
                return Ok(None);
            };
            let method = to.method();
            let throttle = inner.throttle(origin.tenant.tag(), policy.limits());
            let of = TextOf::next(&stored.reset, &policy);
            let typed_code = throttle.watched_code(to, of, bound.expires_at);
            if !origin.permits(&policy, &account, method) {
                return Ok(None);
            }
            let typed = account.addresses.first();
            let next = NextProof {
                expires_at: stored.reset.ends_at,
                ways: typed.map_or_else(Vec::new, |typed| {
                    inner.ways_after(method, (stored, typed), &policy, &account)
                }),
            };
            if stored.reset.has_used_code() {
                return Ok(Some(next));
            }
            let limits = policy.limits();
            let first = Event::First { method };
            let Step::Next(reset) = stored.reset.step(first, &terms(limits), now) else {
                return Ok(None);
            };
            let record = inner.record(stored.id, &reset, limits);
            let swapped =
                inner.codes.compare_and_swap(&record, stored.version, &typed_code, &[], now);
            match swapped.await? {
                Swapped::Swapped { .. } => return Ok(Some(next)),
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
}

impl Reset {
    /// Returns true if the right code that counts is only the first of two proofs.
    pub(super) fn lacks_second_proof(&self, policy: &TenantPolicy) -> bool {
        let is_first = self.first.is_none()
            && self.origin.reason == ResetReason::Forgot
            && policy.required_proofs() == RequiredProofs::Two
            && !matches!(self.stage, Stage::Verified { .. });
        // A repeat of the first code is no second proof, whatever the policy says by now.
        let has_host_proof = self.first.as_ref().is_some_and(|first| first.has_host_proof);
        is_first || (self.has_used_code() && !has_host_proof)
    }

    /// Returns true if a finished reset has taken as many proofs as the policy requires. A user who
    /// knows the password, or whom staff have checked, needs no second one.
    pub(super) fn has_number_of_proofs(&self, policy: &TenantPolicy) -> bool {
        self.origin.reason != ResetReason::Forgot
            || policy.required_proofs() == RequiredProofs::One
            || self.first.is_some()
    }

    /// Returns true if the host's proof has led to this grant already.
    fn has_given(&self, grant: &Grant) -> bool {
        match &self.stage {
            Stage::Verified { grant: given, .. } => given.matches(&grant.hash()),
            Stage::Opened
            | Stage::CodeSent
            | Stage::Proved
            | Stage::Completed { .. }
            | Stage::Closed => false,
        }
    }

    fn awaits_second_proof(&self) -> bool {
        match self.stage.name() {
            StageName::Proved | StageName::CodeSent | StageName::Verified => self.first.is_some(),
            StageName::Opened | StageName::Completed | StageName::Closed => false,
        }
    }
}

impl Inner {
    /// Returns true if a reset whose latest proof is a code by this method has as many proofs as the
    /// policy requires, and the first one still stands.
    pub(super) fn has_all_proofs(
        &self,
        stored: &Stored,
        method: Method,
        policy: &TenantPolicy,
        account: &Account,
    ) -> bool {
        let Some(first) = &stored.reset.first else {
            return stored.reset.has_number_of_proofs(policy);
        };
        let has_second = if first.has_host_proof {
            policy.allows_host_proof(account)
        } else {
            method != first.method && !stored.reset.has_used_code()
        };
        has_second && self.stands(stored, first, policy, account)
    }

    /// Returns true if a first proof still counts: the account is unchanged, and the policy still lets
    /// it have a code in this way.
    fn stands(
        &self,
        stored: &Stored,
        first: &FirstProof,
        policy: &TenantPolicy,
        account: &Account,
    ) -> bool {
        let flow = &stored.reset.origin.user_flow;
        self.bound_destination(stored, &first.bound, policy, account)
            .is_some_and(|went_to| went_to.method() == first.method)
            && policy.decide_alone(first.method, flow, account).is_available()
    }

    /// Returns true if no proof was given yet, or if this account has given the first one and it still
    /// counts.
    pub(super) fn has_given_first(
        &self,
        stored: &Stored,
        policy: &TenantPolicy,
        account: &Account,
    ) -> bool {
        let first = stored.reset.first.as_ref();
        first.is_none_or(|first| self.stands(stored, first, policy, account))
    }

    /// Returns the grant of a right second code whose reset is completed already. A front that has kept
    /// the new password until the second proof repeats both steps after a lost answer.
    pub(super) fn granted_before(
        &self,
        token: &FlowToken,
        code: &Code,
        stored: &Stored,
    ) -> Option<Granted> {
        let Stage::Completed { grant: spent, expires_at, .. } = &stored.reset.stage else {
            return None;
        };
        let bound = stored.reset.bound.as_ref().filter(|_| stored.reset.first.is_some())?;
        let digest = self.keys.code_digest(bound.key, &bound.binding, code)?;
        let grant = self.grant_of(token, &*code.symbols(), bound)?;
        let is_it = digest.matches(&bound.code) && grant.hash().matches(spent);
        is_it.then_some(Granted { expires_at: *expires_at, grant })
    }

    /// Returns the account of a first proof, if the proof still counts.
    async fn account_of(
        &self,
        stored: &Stored,
        first: &FirstProof,
        policy: &TenantPolicy,
    ) -> Result<Option<Account>, Error> {
        let account = self.owner_of(stored, &first.bound).await?;
        Ok(account.filter(|account| self.stands(stored, first, policy, account)))
    }

    /// Returns the account that a code was made for, as it is now. Whether the code still stands is
    /// another question.
    pub(super) async fn owner_of(
        &self,
        stored: &Stored,
        bound: &Bound,
    ) -> Result<Option<Account>, Error> {
        let Some(id) = self.bound_account(&stored.id, bound) else { return Ok(None) };
        Ok(self.users.find(&stored.reset.origin.tenant, &id).await?)
    }

    /// Returns the ways in which an account can give the second proof.
    fn ways_after(
        &self,
        first: Method,
        (stored, typed): (&Stored, &EmailAddress),
        policy: &TenantPolicy,
        account: &Account,
    ) -> Vec<ProofWay> {
        let method = first.other();
        let is_allowed = self.offers(method, policy)
            && policy.decide_alone(method, &stored.reset.origin.user_flow, account).is_available();
        let to = policy.destination(method, account, typed).filter(|_| is_allowed);
        let code = to.map(|to| ProofWay::Code { hint: to.masked(), method });
        let host = (self.host_proofs.is_some() && policy.allows_host_proof(account))
            .then_some(ProofWay::HostProof);
        code.into_iter().chain(host).collect()
    }

    /// Explains to administrators whether an account may reset in this service.
    pub(super) fn explain(
        &self,
        policy: &TenantPolicy,
        flow: &UserFlowId,
        account: &Account,
    ) -> Explanation {
        let takes = |method| self.can_take_proofs(method, policy, flow, account);
        policy.explain_where(flow, account, takes)
    }

    /// Returns true if this service can take as many proofs from the account as the policy requires.
    pub(super) fn can_take_proofs(
        &self,
        first: Method,
        policy: &TenantPolicy,
        flow: &UserFlowId,
        account: &Account,
    ) -> bool {
        let second = first.other();
        policy.required_proofs() == RequiredProofs::One
            || (self.host_proofs.is_some() && policy.allows_host_proof(account))
            || (self.offers(second, policy)
                && policy.decide_alone(second, flow, account).is_available())
    }
}
