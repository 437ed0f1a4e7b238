//! The help desk: what staff may do for an account.

mod assistance;
mod frozen;
mod reached;
mod temporary;
mod texts;

pub use reached::{AccountLimit, ReachedLimit};

use std::sync::Arc;

use crate::{
    domain::{
        Account, AccountId, ActorId, Charge, Code, EmailAddress, Frozen, IdentityProvider, Over,
        Password, RecordId, StaffReason, TenantId, Timestamp, UserFlowId,
    },
    error::Error,
    policy::{Explanation, TenantPolicy},
    ports::{AuditQuestion, AuditRecord, EventKind, NoticeCause, Outcome},
};

use super::{
    Client, Sspr, account_notices::AccountEvent, audit::subjects, call::Call, follow_up::FollowUp,
    lockouts::LockoutOwner, reached_limit::limit_among, settlement::ChargedFailure, span::spanned,
    throttle::retry_at,
};

/// The number of records in which a report looks for the last mails.
const SEARCHED_RECORDS: usize = 100;
/// The most mails of a report.
const MOST_MAILS: usize = 5;

/// A handle for one member of staff, made by [`Sspr::help_desk`].
///
/// Staff never see or choose a permanent password.
///
/// If the service keeps an audit log, each action is recorded before it is done, and afterwards
/// with its outcome. An action that cannot be recorded is not done, and answers
/// [`ErrorKind::Audit`](crate::ErrorKind::Audit).
///
/// # Security
/// The host decides who is staff, and who may do what. Make a handle only after your own check, and
/// never from a request of a customer.
#[derive(Clone, Debug)]
pub struct HelpDesk {
    sspr: Sspr,
    actor: ActorId,
    reason: Option<StaffReason>,
}

/// The answer to an action of staff.
#[derive(Debug)]
// Exhaustive: a host must show each of them.
pub enum Assisted<T> {
    /// The action was done.
    Done(T),
    /// A limit on such actions was reached, or the service is busy.
    TryLater {
        /// When a retry can succeed.
        retry_at: Timestamp,
    },
    /// The account does not exist, is disabled, or has no password here. It is also the answer if
    /// the user store cannot do this.
    Unavailable,
}

/// A code that staff hand over to the owner of an account, after their own check of the person.
#[derive(Debug)]
#[non_exhaustive]
pub struct AssistanceCode {
    /// The code: 16 letters.
    pub code: Code,
    /// The time from which the code is no longer valid.
    pub expires_at: Timestamp,
}

/// A password that works until it is changed at the next sign-in, or until it expires.
#[derive(Debug)]
#[non_exhaustive]
pub struct TemporaryPassword {
    /// The password. Show it once.
    pub password: Password,
    /// The time from which the password is a wrong one.
    pub expires_at: Timestamp,
}

/// The state of an account, for staff.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AccountReport {
    /// The account.
    pub account: AccountId,
    /// Whether the account may reset its password, and why not.
    pub reset: Explanation,
    /// When the pause after wrong passwords ends, if there is one.
    pub paused_until: Option<Timestamp>,
    /// How many wrong passwords count towards the next pause.
    pub wrong_passwords: u32,
    /// Whether the account must change its password at the next sign-in.
    pub must_change: bool,
    /// When the password stops working, if it is a temporary one.
    pub password_expires_at: Option<Timestamp>,
    /// The limits that the account or the address has reached.
    pub limits: Vec<ReachedLimit>,
    /// The last mails to the account, the newest first, with their outcome. At most five. `None` if
    /// the service keeps no audit log that can be read.
    pub mails: Option<Vec<AuditRecord>>,
    /// The freeze of the account, if its owner has frozen it.
    pub frozen: Option<Frozen>,
}

impl<T> Assisted<T> {
    /// Returns the result, or `None` if the action was not done.
    #[must_use]
    pub fn done(self) -> Option<T> {
        match self {
            Self::Done(it) => Some(it),
            Self::TryLater { .. } | Self::Unavailable => None,
        }
    }

    const fn outcome(&self) -> Outcome {
        match self {
            Self::Done(_) => Outcome::Ok,
            Self::TryLater { .. } => Outcome::TryLater,
            Self::Unavailable => Outcome::Unavailable,
        }
    }
}

impl Sspr {
    /// Returns a handle for one member of staff. Each event of its calls names this actor.
    ///
    /// ```
    /// # use sspr::engine::Assisted;
    /// use sspr::domain::{ActorId, StaffReason};
    ///
    /// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/world.rs"));
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let World { sspr, request, client, .. } = world()?;
    /// # let account = sspr::AccountId::parse("1")?;
    /// // After your service has checked that this is staff, and who is calling.
    /// let desk = sspr.help_desk(ActorId::parse("staff-17")?);
    /// let desk = desk.with_reason(StaffReason::parse("Ticket 4711, called back")?);
    /// let issued = desk.assistance_code(&request.application, &account).await?;
    /// let Assisted::Done(issued) = issued else { panic!("not issued") };
    /// println!("Read this to the customer: {}", issued.code.expose());
    ///
    /// // The customer types it together with the address.
    /// let entered = sspr.enter_assistance_code(&request, &issued.code, &client);
    /// assert!(entered.await?.granted().is_some());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn help_desk(&self, actor: ActorId) -> HelpDesk {
        HelpDesk { actor, reason: None, sspr: self.clone() }
    }
}

impl HelpDesk {
    /// Adds the reason for the actions of this handle. The reason goes to the audit log.
    #[must_use]
    pub fn with_reason(mut self, reason: StaffReason) -> Self {
        self.reason = Some(reason);
        self
    }

    /// Returns the newest records of the audit log about an account, the newest first. They include
    /// failed calls that named an address of the account.
    ///
    /// Returns `None` if the service keeps no audit log, or one that can only be written. A record
    /// is there as soon as the courier has written it, usually within a second.
    ///
    /// # Errors
    /// The user store or the audit log failed.
    pub async fn audit_trail(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        most: usize,
    ) -> Result<Option<Vec<AuditRecord>>, Error> {
        let found = match self.sspr.inner.audit {
            Some(_) => self.sspr.inner.users.find(tenant, account).await?,
            None => None,
        };
        self.trail(tenant, account, found.as_ref(), most).await
    }

    /// Returns the trail of an account, given what is on file.
    async fn trail(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        found: Option<&Account>,
        most: usize,
    ) -> Result<Option<Vec<AuditRecord>>, Error> {
        let inner = &self.sspr.inner;
        let Some(audit) = inner.audit.as_ref().filter(|_| self.sspr.serves_tenant(tenant)) else {
            return Ok(None);
        };
        let mut question = AuditQuestion::new(tenant.clone(), account.clone(), most);
        // The recovery addresses of a frozen account count too, whatever a thief has put on file.
        let old = found.iter().flat_map(|it| &it.frozen).flat_map(|frozen| &frozen.recover_to);
        let addresses = found.iter().flat_map(|it| &it.addresses).chain(old);
        let all = addresses.flat_map(|address| subjects(tenant, address, &inner.keys));
        question.subjects = all.collect();
        Ok(audit.log.about(&question).await?)
    }

    /// Returns the state of each account with an address. It changes nothing and is not limited.
    ///
    /// # Errors
    /// A store, the audit log or the policy source failed.
    pub async fn explain(
        &self,
        tenant: &TenantId,
        flow: &UserFlowId,
        address: &EmailAddress,
    ) -> Result<Vec<AccountReport>, Error> {
        let inner = &self.sspr.inner;
        let policy = inner.policy(tenant)?.filter(|_| self.sspr.serves_tenant(tenant));
        let Some(policy) = policy else { return Ok(Vec::new()) };
        let now = inner.clock.now();
        let mut reports = Vec::new();
        for account in inner.users.find_by_address(tenant, address).await? {
            let (id, old) = inner.lockout_ids(tenant, LockoutOwner::Account(&account));
            let mut kept = inner.lockout(id, now).await?;
            if let (None, Some(old)) = (&kept, old) {
                kept = inner.lockout(old, now).await?;
            }
            let lockout = kept.unwrap_or_default().lockout;
            let form = address.limiter_form(policy.dot_rules());
            let limits = inner.reached(tenant, &policy, &form, &account, now).await?;
            let trail = self.trail(tenant, &account.id, Some(&account), SEARCHED_RECORDS).await?;
            reports.push(AccountReport {
                frozen: account.frozen.clone(),
                limits,
                mails: trail.map(last_mails),
                must_change: account.must_change,
                password_expires_at: account.password_expires_at,
                paused_until: lockout.locked_until.filter(|until| now < *until),
                reset: inner.explain(&policy, flow, &account),
                wrong_passwords: lockout.failures,
                account: account.id,
            });
        }
        Ok(reports)
    }

    /// Ends the pause after wrong passwords. Sessions stay, because the stamp stays.
    ///
    /// A lock that the host itself has set stays as well.
    ///
    /// # Errors
    /// A store, the audit log or the policy source failed.
    pub async fn unlock(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Assisted<()>, Error> {
        let call = self.call(EventKind::Unlock, tenant, account);
        let unlocked = spanned("unlock", None, self.unlock_at(tenant, account, &call)).await;
        told(call, unlocked)
    }

    async fn unlock_at(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Assisted<()>, Error> {
        let now = call.began;
        let Some((policy, account)) = self.found(tenant, account, call).await? else {
            return Ok(Assisted::Unavailable);
        };
        let Some(notices) = self.notices(NoticeCause::PauseEnded, tenant, &account, None, now)?
        else {
            return Ok(Assisted::TryLater { retry_at: now });
        };
        if let Some(refused) = self.charge(&policy, &account, call).await? {
            notices.withdraw();
            return Ok(refused);
        }
        let ended = self.end_pause(tenant, &account, &policy, now).await;
        notices.settle(&ended, |ended| *ended);
        ended.map(|_| Assisted::Done(()))
    }

    /// Ends the pause. Returns whether there were wrong passwords to forget.
    async fn end_pause(
        &self,
        tenant: &TenantId,
        account: &Account,
        policy: &TenantPolicy,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let inner = &self.sspr.inner;
        let (id, old) = inner.lockout_ids(tenant, LockoutOwner::Account(account));
        let mut ended = false;
        for id in [Some(id), old].into_iter().flatten() {
            if let Some(kept) = inner.lockout(id, now).await? {
                ended |= kept.lockout.failures > 0;
                let failure = ChargedFailure { id, lockout: kept.lockout, version: kept.version };
                inner.forget_failures(&failure, policy.limits(), now).await?;
            }
        }
        Ok(ended)
    }

    /// Requires a new password at the next sign-in. Sessions stay, because the stamp stays.
    ///
    /// # Errors
    /// A store, the audit log or the policy source failed.
    pub async fn require_change(
        &self,
        tenant: &TenantId,
        account: &AccountId,
    ) -> Result<Assisted<()>, Error> {
        let call = self.call(EventKind::RequireChange, tenant, account);
        let marked = spanned("require_change", None, self.mark(tenant, account, &call)).await;
        told(call, marked)
    }

    async fn mark(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Assisted<()>, Error> {
        let (users, now) = (&self.sspr.inner.users, call.began);
        let found = self.found(tenant, account, call).await?.filter(|_| users.keeps_marks());
        let Some((policy, account)) = found else { return Ok(Assisted::Unavailable) };
        let Some(notices) =
            self.notices(NoticeCause::ChangeRequired, tenant, &account, None, now)?
        else {
            return Ok(Assisted::TryLater { retry_at: now });
        };
        if let Some(refused) = self.charge(&policy, &account, call).await? {
            notices.withdraw();
            return Ok(refused);
        }
        let marked = users.require_change(tenant, &account.id).await.map_err(Error::from);
        notices.settle(&marked, |marked| *marked);
        Ok(if marked? { Assisted::Done(()) } else { Assisted::Unavailable })
    }

    /// Prepares the notices of an action, so that they are sent even if the caller leaves after the
    /// action. Returns `None` if the queue has no room.
    fn notices(
        &self,
        cause: NoticeCause,
        tenant: &TenantId,
        account: &Account,
        record: Option<RecordId>,
        at: Timestamp,
    ) -> Result<Option<FollowUp>, Error> {
        let inner = &self.sspr.inner;
        let operation = match record {
            Some(record) => record,
            None => RecordId::generate(tenant.tag(), &*inner.entropy)?,
        };
        let event = AccountEvent { account, at, cause, operation, tenant };
        Ok(inner.prepare_account_notices(event))
    }

    /// Begins an action for an account.
    fn call<'a>(&'a self, kind: EventKind, tenant: &'a TenantId, account: &AccountId) -> Call<'a> {
        let staff = (&self.actor, self.reason.as_ref());
        self.sspr.inner.call(kind, None).of_staff(staff, tenant).of_account(account)
    }

    /// Returns the account and its policy, if staff may act for the account. Before that it records
    /// what is about to be done.
    async fn found(
        &self,
        tenant: &TenantId,
        account: &AccountId,
        call: &Call<'_>,
    ) -> Result<Option<(Arc<TenantPolicy>, Account)>, Error> {
        let inner = &self.sspr.inner;
        let policy = inner.policy(tenant)?.filter(|_| self.sspr.serves_tenant(tenant));
        let Some(policy) = policy else { return Ok(None) };
        let found = inner.users.find(tenant, account).await?;
        let found = found.filter(|account| !account.disabled && is_local(account));
        let Some(account) = found else { return Ok(None) };
        call.announce().await?;
        Ok(Some((policy, account)))
    }

    /// Charges the limits on staff, or returns the refusal. An action charges the limits last, so
    /// an action that is refused for another reason does not count.
    async fn charge<T>(
        &self,
        policy: &TenantPolicy,
        account: &Account,
        call: &Call<'_>,
    ) -> Result<Option<Assisted<T>>, Error> {
        let charges = self.charges(policy, account);
        let over = self.sspr.inner.codes.charge(&charges, call.began).await?;
        Ok((!over.is_empty()).then(|| self.refused(policy, account, &over, call)))
    }

    /// Returns the refusal of an action that is over its limits, and notes the limit.
    fn refused<T>(
        &self,
        policy: &TenantPolicy,
        account: &Account,
        over: &[Over],
        call: &Call<'_>,
    ) -> Assisted<T> {
        let throttle = self.sspr.inner.throttle(policy.tenant().tag(), policy.limits());
        call.has_reached(limit_among(&throttle.assist(&self.actor, &account.id), over));
        Assisted::TryLater { retry_at: retry_at(over, call.began) }
    }

    /// Returns the charges of one action for an account.
    fn charges(&self, policy: &TenantPolicy, account: &Account) -> Vec<Charge> {
        let throttle = self.sspr.inner.throttle(policy.tenant().tag(), policy.limits());
        let charges = throttle.assist(&self.actor, &account.id).into_iter();
        charges.map(|(_, charge)| charge).collect()
    }
}

/// Reports an action, and passes its answer on.
fn told<T>(call: Call<'_>, answer: Result<Assisted<T>, Error>) -> Result<Assisted<T>, Error> {
    let outcome = answer.as_ref().map_or(Outcome::Error, Assisted::outcome);
    call.report(outcome, answer)
}

/// Returns the mails among the newest records of an account.
fn last_mails(trail: Vec<AuditRecord>) -> Vec<AuditRecord> {
    let is_mail = |record: &AuditRecord| {
        matches!(record.activity, EventKind::Deliver | EventKind::Notify)
            && record.account.is_some()
    };
    trail.into_iter().filter(is_mail).take(MOST_MAILS).collect()
}

/// Returns true if the account signs in with a password that the host keeps, or can get one.
fn is_local(account: &Account) -> bool {
    account.identity_providers.contains(&IdentityProvider::EmailPassword)
}
