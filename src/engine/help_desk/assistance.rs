//! The assistance code: staff hand it over, and its owner chooses a new password with it.

use crate::{
    domain::{
        Account, AccountId, Application, Code, CodeFormat, Digest, FlowToken, Grant, Purpose,
        RecordId, TenantId, Timestamp,
    },
    error::Error,
    flow::{Event, Origin, Reset, ResetReason, Step},
    policy::Limits,
    ports::{EventKind, Inserted, NoticeCause, Outcome, Swapped},
};

use super::{AssistanceCode, Assisted, HelpDesk, told};
use crate::engine::{
    AssistanceOutcome, Client, Request, Sspr,
    call::Call,
    reached_limit::by_family,
    records::{MAX_CONFLICTS, terms},
    span::spanned,
    stored::Stored,
    throttle::retry_at,
    verify::streaks,
};

impl HelpDesk {
    /// Makes a code with which the owner of an account chooses a new password. It is valid once,
    /// for an hour by default. The owner types it together with an address on file.
    ///
    /// # Errors
    /// A store, the audit log, the policy source or the source of randomness failed.
    ///
    /// # Security
    /// Hand it over only after you have made sure that you speak with the owner of the account. The
    /// code dies when the password or the addresses of the account change. Nobody can use the code
    /// unnoticed, because each address on file gets a notice when the password is changed.
    pub async fn assistance_code(
        &self,
        application: &Application,
        account: &AccountId,
    ) -> Result<Assisted<AssistanceCode>, Error> {
        let call = self.call(EventKind::AssistanceCode, &application.tenant, account);
        let call = call.in_application(application);
        let issuing = self.issue(application, account, &call);
        let issued = spanned("assistance_code", None, issuing).await;
        told(call, issued)
    }

    async fn issue(
        &self,
        application: &Application,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Assisted<AssistanceCode>, Error> {
        let (sspr, inner, now) = (&self.sspr, &*self.sspr.inner, call.began);
        let Some((policy, account)) = self.found(&application.tenant, account, call).await? else {
            return Ok(Assisted::Unavailable);
        };
        let offered = policy.offers_password_sign_in(&application.user_flow, &application.id)
            && sspr.serves(application);
        let may = offered && !account.locked;
        let Some(address) = account.destinations().first().filter(|_| may) else {
            return Ok(Assisted::Unavailable);
        };
        let limits = policy.limits();
        let code = Code::generate(CodeFormat::Letters, &*inner.entropy)?;
        let key = inner.keys.signing();
        let Some(id) = inner.ids_of(&application.tenant, &code).next() else {
            return Ok(Assisted::Unavailable);
        };
        call.has_reset(id);
        // Nobody gets this token, so that no other code of this reset can be requested.
        let token =
            FlowToken::generate(&id, sspr.scope_of(application), &inner.keys, &*inner.entropy)?;
        let origin = Origin {
            address: inner.seal_address(&token, address)?,
            application: application.id.clone(),
            context: Vec::new(),
            locale: None,
            reason: ResetReason::Assistance,
            tenant: application.tenant.clone(),
            user_flow: application.user_flow.clone(),
            visible: Vec::new(),
        };
        let mut bound = sspr.bound_to(&id, &origin, &account, limits, now)?;
        let expires_at = now.after(limits.assistance_code_lifetime);
        bound.expires_at = expires_at;
        bound.code = inner.keys.code_digest(key, &bound.binding, &code).unwrap_or(bound.code);
        let lifetime = limits.assistance_code_lifetime;
        let reset = Reset::handed_over(origin, token.hash(), bound, lifetime, now);
        let record = inner.record(id, &reset, limits);
        let later = Assisted::TryLater { retry_at: now.after(limits.resend_cooldown) };
        let tenant = &application.tenant;
        let notices = self.notices(NoticeCause::HelpOffered, tenant, &account, Some(id), now)?;
        let Some(notices) = notices else { return Ok(later) };
        let charges = self.charges(&policy, &account);
        let inserted = inner.codes.insert(&record, &charges, now).await.map_err(Error::from);
        notices.settle(&inserted, |inserted| *inserted == Inserted::Inserted);
        Ok(match inserted? {
            Inserted::Inserted => Assisted::Done(AssistanceCode { code, expires_at }),
            Inserted::Refused(over) => self.refused(&policy, &account, &over, call),
            Inserted::Exists | Inserted::Full => later,
        })
    }
}

impl Sspr {
    /// Takes a code that staff have handed over, with an address of the account.
    ///
    /// A repeat of the right code gives the same grant, until the password is changed or the grant
    /// expires. The grant lives as long as any other grant, 10 minutes by default.
    ///
    /// # Errors
    /// A store or the policy source failed.
    ///
    /// # Security
    /// Each call is charged to the network, like a sign-in. A wrong code, a code of another
    /// account, tenant or application, a late code and a used code get the same answer.
    pub async fn enter_assistance_code(
        &self,
        request: &Request,
        code: &Code,
        client: &Client,
    ) -> Result<AssistanceOutcome, Error> {
        let call = self.inner.call_for(EventKind::Assistance, request, client);
        let entering = self.enter_at(request, code, client, &call);
        let answer = spanned("assistance", client.correlation.as_ref(), entering).await;
        let outcome = match &answer {
            Ok(AssistanceOutcome::Granted(_)) => Outcome::Ok,
            Ok(AssistanceOutcome::Rejected) => Outcome::Rejected,
            Ok(AssistanceOutcome::TryLater { .. }) => Outcome::TryLater,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn enter_at(
        &self,
        request: &Request,
        code: &Code,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<AssistanceOutcome, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let Request { address, application, .. } = request;
        let tenant = &application.tenant;
        let Some(policy) = self.password_policy(application)? else {
            return Ok(AssistanceOutcome::Rejected);
        };
        let limits = policy.limits();
        let lane = inner.lane(tenant, address, client, now);
        let charges = inner.throttle(tenant.tag(), limits).network_try(&lane, client);
        let over = inner.codes.charge(&charges, now).await?;
        if !over.is_empty() {
            call.has_reached(by_family(&over));
            return Ok(AssistanceOutcome::TryLater { retry_at: retry_at(&over, now) });
        }
        if code.format() != CodeFormat::Letters {
            return Ok(AssistanceOutcome::Rejected);
        }
        let Some(stored) = self.handed_over(tenant, code, limits, now).await? else {
            return Ok(AssistanceOutcome::Rejected);
        };
        let origin = &stored.reset.origin;
        let is_here =
            origin.application == application.id && origin.user_flow == application.user_flow;
        let (Some(bound), true) = (&stored.reset.bound, is_here) else {
            return Ok(AssistanceOutcome::Rejected);
        };
        let found = inner.users.find_by_address(tenant, address).await?;
        let owner = inner.bound_account(&stored.id, bound);
        call.has_reset(stored.id);
        if let Some(owner) = &owner {
            call.has_account(owner);
        }
        let is_owner = |account: &Account| owner.as_ref() == Some(&account.id);
        let digest = inner.keys.code_digest(bound.key, &bound.binding, code);
        let is_right = digest.is_some_and(|digest| digest.matches(&bound.code))
            && found.iter().any(is_owner)
            && matches!(stored.reset.step(Event::Try, &terms(limits), now), Step::Stay);
        let Some(grant) = inner.grant_for(&stored.id, code, bound.key, self.scope_of(application))
        else {
            return Ok(AssistanceOutcome::Rejected);
        };
        if !is_right {
            return Ok(AssistanceOutcome::Rejected);
        }
        let matched = Event::Match { grant: grant.hash() };
        // Staff have checked the user, and wrong proofs of before no longer count against the owner.
        let throttle = inner.throttle(tenant.tag(), limits);
        let proofs = owner.iter().flat_map(|owner| throttle.host_proof(owner));
        let proofs: Vec<_> = proofs.map(|charge| charge.name).collect();
        let granted = self.grant(matched, grant, (bound, streaks(&proofs)), &stored, now).await?;
        // The code may outlive the grant that it has given.
        let granted = granted.filter(|granted| now < granted.expires_at);
        Ok(granted.map_or(AssistanceOutcome::Rejected, AssistanceOutcome::Granted))
    }

    /// Returns the live reset that an assistance code opens.
    async fn handed_over(
        &self,
        tenant: &TenantId,
        code: &Code,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Option<Stored>, Error> {
        for id in self.inner.ids_of(tenant, code) {
            let Some(stored) = self.inner.not_expired(id, limits, now).await? else { continue };
            let is_ours = stored.reset.origin.reason == ResetReason::Assistance;
            return Ok(is_ours.then_some(stored));
        }
        Ok(None)
    }
}

impl crate::engine::sspr::Inner {
    /// Reads the reset of a code, unless the code has expired. A code that was seen to expire stays
    /// expired if the clock runs back, because the time is kept with its record.
    async fn not_expired(
        &self,
        id: RecordId,
        limits: &Limits,
        now: Timestamp,
    ) -> Result<Option<Stored>, Error> {
        for _ in 0..MAX_CONFLICTS {
            let Some(record) = self.codes.load(&id, &[], now).await?.found() else {
                return Ok(None);
            };
            let stored = Stored::read(id, &record)?;
            let seen = stored.reset.touched_at;
            let bound = stored.reset.bound.as_ref();
            let until = bound.map_or(record.expires_at, |bound| bound.expires_at);
            let until = until.min(record.expires_at);
            if now.latest(seen) < until {
                return Ok(Some(stored));
            }
            if seen >= until {
                return Ok(None);
            }
            match self.swap(&stored, &stored.reset, &[], limits, now).await? {
                Swapped::Swapped { .. } | Swapped::Missing => return Ok(None),
                Swapped::Conflict { .. } | Swapped::Refused(_) => {}
            }
        }
        Ok(None)
    }

    /// Returns the ids that a reset of this code has: one under the index key and, during a
    /// rotation, one under the old key.
    fn ids_of(&self, tenant: &TenantId, code: &Code) -> impl Iterator<Item = RecordId> {
        let symbols = code.symbols();
        self.keys.indexes(Purpose::Assistance).map(move |fields| {
            let digest: Digest = fields.tenant(tenant).bytes(&*symbols).digest();
            RecordId::from_parts(tenant.tag(), digest.head())
        })
    }

    /// Returns the grant of an assistance code. The same code always gives the same grant.
    fn grant_for(
        &self,
        id: &RecordId,
        code: &Code,
        key: crate::domain::KeyId,
        scope: crate::domain::Scope,
    ) -> Option<Grant> {
        let fields = self.keys.under(key, Purpose::Assistance)?.bytes(id.as_bytes());
        let secret = fields.bytes(&*code.symbols()).digest();
        Some(Grant::new(id, scope, &secret, self.keys.under(key, Purpose::TokenCheck)?))
    }
}
