//! `change`: another password for a signed-in user.

use crate::{
    domain::{
        Account, AccountId, Application, DeviceProof, Fields, LanguageTag, Password, Purpose,
        Recipient, RecordId, Stamp, Timestamp,
    },
    error::Error,
    policy::{PasswordIssue, TenantPolicy},
    ports::{
        Applied, EventKind, HashError, HashQueue, NoticeCause, NoticeRecipient, Outcome,
        PasswordChange,
    },
};

use super::{
    ChangeOutcome, Client, KeptSession, RequestKey, Sspr,
    call::Call,
    new_password::broken_rules,
    password_check::{Checked, PasswordCheck},
    settlement::IfRight,
    sign_in::has_password,
    span::spanned,
};

/// The session of a signed-in user, as the session check of the host has found it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Session {
    /// The application that the user is signed in to.
    pub application: Application,
    /// The account that is signed in.
    pub account: AccountId,
    /// The stamp that the session carries.
    pub stamp: Stamp,
    /// The language of the user's pages. The notice is written in it if the account has none.
    pub locale: Option<LanguageTag>,
    /// The key that makes a repeat of this change answer what the first call answered.
    pub key: Option<RequestKey>,
    /// True if only a repeat of a finished change may succeed.
    pub(crate) only_repeats: bool,
}

/// The id of a change, and the stamp that the account gets by it.
#[derive(Clone, Copy)]
struct Operation {
    id: RecordId,
    next_stamp: Stamp,
}

impl Session {
    /// Describes a session without a language and without a request key.
    #[must_use]
    pub fn new(application: &Application, account: AccountId, stamp: Stamp) -> Self {
        let application = application.clone();
        Self { account, application, key: None, locale: None, only_repeats: false, stamp }
    }

    /// Sets the language of the user's pages.
    #[must_use]
    pub fn with_locale(mut self, locale: LanguageTag) -> Self {
        self.locale = Some(locale);
        self
    }

    /// Makes a repeat of this change answer what the first call answered. Use one key for each form
    /// that is shown, and keep it on the server.
    #[must_use]
    pub fn with_key(mut self, key: RequestKey) -> Self {
        self.key = Some(key);
        self
    }
}

impl Sspr {
    /// Replaces the password of a signed-in user, who types the current one as well.
    ///
    /// The account gets another stamp, so that every other session ends. The session that made the
    /// change stays if the host gives it [`KeptSession::stamp`]. Each address on file, and each phone
    /// that the tenant sends texts to, gets a notice, even if this call is dropped after the change.
    ///
    /// If the answer is lost, a repeat with the same [`Session::key`], stamp and passwords answers
    /// what the first call answered, as long as nothing else has changed the stamp. Without a key it
    /// answers [`ChangeOutcome::SessionEnded`], because the stamp of the session is old by then.
    ///
    /// # Errors
    /// A store, the policy source, the hasher or the source of randomness failed. If the password
    /// was changed nevertheless, a repeat with the same key says so.
    ///
    /// # Security
    /// The host says who is signed in. The call trusts it, but it checks the stamp of the session.
    ///
    /// A wrong current password counts towards the lockout of the account, together with wrong
    /// passwords at the sign-in, and is charged before any hash. The rules of the tenant and the
    /// breach check apply to the new password, which must differ from the current one. They cost
    /// nothing if a rule refuses the password. The breach check is asked only after the current
    /// password was right.
    pub async fn change(
        &self,
        session: &Session,
        current: &Password,
        new: &Password,
        client: &Client,
    ) -> Result<ChangeOutcome, Error> {
        let call = self.inner.call(EventKind::Change, Some(client));
        let call = call.in_application(&session.application);
        call.has_account(&session.account);
        let changing = self.change_at(session, current, new, client, &call);
        let answer = spanned("change", client.correlation.as_ref(), changing).await;
        let outcome = match &answer {
            Ok(ChangeOutcome::Changed(_)) => Outcome::Ok,
            Ok(ChangeOutcome::WrongPassword | ChangeOutcome::SessionEnded) => Outcome::Rejected,
            Ok(ChangeOutcome::LockedOut { .. }) => Outcome::LockedOut,
            Ok(ChangeOutcome::Weak { .. }) => Outcome::Weak,
            Ok(ChangeOutcome::TryLater { .. }) => Outcome::TryLater,
            Ok(ChangeOutcome::Unavailable) => Outcome::Unavailable,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn change_at(
        &self,
        session: &Session,
        current: &Password,
        new: &Password,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<ChangeOutcome, Error> {
        let (inner, now) = (&self.inner, call.began);
        let application = &session.application;
        let Some(policy) = self.password_policy(application)? else {
            return Ok(ChangeOutcome::Unavailable);
        };
        let found = inner.users.find(&application.tenant, &session.account).await?;
        // Without an address nobody would be told.
        let may = |account: &Account| {
            has_password(account)
                && !account.addresses.is_empty()
                && !account.disabled
                && !account.has_expired_password(now)
        };
        let Some(account) = found.filter(may) else { return Ok(ChangeOutcome::Unavailable) };
        // A store that gives a frozen account another stamp has ended this session already.
        if account.frozen.is_some() {
            return Ok(ChangeOutcome::SessionEnded);
        }
        let operations = self.operations(session)?;
        if operations.iter().any(|operation| operation.is_done(&account)) {
            return self.repeat_change(new, &account, &policy, client, call).await;
        }
        let Some(operation) = operations.first().filter(|_| !session.only_repeats) else {
            return Ok(ChangeOutcome::SessionEnded);
        };
        if account.stamp != session.stamp {
            return Ok(ChangeOutcome::SessionEnded);
        }
        let mut issues = broken_rules(&policy, new, Some(&account));
        if issues.is_empty() && new.is_same(current) {
            issues.push(PasswordIssue::SameAsCurrent);
        }
        if !issues.is_empty() {
            return Ok(ChangeOutcome::Weak { issues });
        }
        let tag = application.tenant.tag();
        let later = now.after(policy.limits().resend_cooldown / 10);
        // Take the slot before any charge, so that a change that must try later has lost nothing.
        let Some(_place) = inner.submit_slots.take(tag) else {
            return Ok(ChangeOutcome::TryLater { retry_at: later });
        };
        let checked = self.check_current(current, &account, &policy, client, call).await?;
        if let Some(refused) = refused(&checked, &account) {
            return Ok(refused);
        }
        if inner.has_leaked(new, &policy, None, now).await {
            return Ok(ChangeOutcome::Weak { issues: vec![PasswordIssue::Breached] });
        }
        let hash = match inner.hasher.hash(new.duplicate(), HashQueue::Submit).await {
            Ok(hash) => hash,
            Err(HashError::Busy) => return Ok(ChangeOutcome::TryLater { retry_at: later }),
            Err(error) => return Err(error.into()),
        };
        let recipients = inner.recipients(&policy, &account);
        let recipient = |to: Recipient| NoticeRecipient::new(to, NoticeCause::ChangedByUser);
        let Operation { id, next_stamp } = *operation;
        let tenant = application.tenant.clone();
        let change = PasswordChange {
            language: account.language.clone().or_else(|| session.locale.clone()),
            notify: recipients.map(recipient).collect(),
            ..PasswordChange::new(tenant, &account, id, (hash, next_stamp), now)
        };
        match inner.apply(&change, &account, client, now).await? {
            None => Ok(ChangeOutcome::TryLater { retry_at: later }),
            Some(Applied::Done { .. }) => self.kept(&account, &policy, next_stamp, now),
            Some(Applied::Stale) => Ok(ChangeOutcome::SessionEnded),
            Some(Applied::Repeated { .. }) => {
                // Another call with the same key has won, perhaps with another password.
                let again = inner.users.find(&application.tenant, &session.account).await?;
                match again.filter(|again| operation.is_done(again)) {
                    Some(account) => self.repeat_change(new, &account, &policy, client, call).await,
                    None => Ok(ChangeOutcome::SessionEnded),
                }
            }
        }
    }

    /// Handles a repeat, because the account carries this change already. Only the same new
    /// password is accepted, and a wrong one counts towards the lockout.
    async fn repeat_change(
        &self,
        new: &Password,
        account: &Account,
        policy: &TenantPolicy,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<ChangeOutcome, Error> {
        match self.check_current(new, account, policy, client, call).await? {
            Checked::Right { .. } if !account.locked => {
                self.kept(account, policy, account.stamp, call.began)
            }
            Checked::Wrong => Ok(ChangeOutcome::SessionEnded),
            checked => Ok(refused(&checked, account).unwrap_or(ChangeOutcome::SessionEnded)),
        }
    }

    /// Compares a password with the one on file, and charges a failure before that.
    async fn check_current(
        &self,
        password: &Password,
        account: &Account,
        policy: &TenantPolicy,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<Checked, Error> {
        let (inner, now) = (&self.inner, call.began);
        let (tenant, limits) = (policy.tenant(), policy.limits());
        let Some(address) = account.addresses.first() else { return Ok(Checked::Wrong) };
        let lane = inner.lane(tenant, address, client, now);
        let charges = inner.throttle(tenant.tag(), limits).network_try(&lane, client);
        let check = PasswordCheck {
            account: Some(account),
            address,
            charges: &charges,
            if_right: if account.locked { IfRight::Keep } else { IfRight::Forget },
            limits,
            password,
            tenant,
        };
        let checked = inner.check_password(check, client, now).await?;
        if let Checked::TryLater(_, limit) = checked {
            call.has_reached(limit);
        }
        Ok(checked)
    }

    /// Returns the session that stays, with the stamp that it must carry from now on.
    fn kept(
        &self,
        account: &Account,
        policy: &TenantPolicy,
        stamp: Stamp,
        now: Timestamp,
    ) -> Result<ChangeOutcome, Error> {
        let inner = &self.inner;
        let Some(address) = account.addresses.first() else {
            return Ok(ChangeOutcome::Unavailable);
        };
        let device = DeviceProof::generate(
            policy.tenant(),
            address,
            &stamp,
            &inner.keys,
            now,
            &*inner.entropy,
        )?;
        Ok(ChangeOutcome::Changed(KeptSession { device, stamp }))
    }

    /// Returns the change that a session asks for. With a key, the same session always asks for the
    /// same change. During a rotation of the index key, the former one is returned too.
    fn operations(&self, session: &Session) -> Result<Vec<Operation>, Error> {
        let tag = session.application.tenant.tag();
        let Some(key) = &session.key else {
            let id = RecordId::generate(tag, &*self.inner.entropy)?;
            let next_stamp = Stamp::generate(&*self.inner.entropy)?;
            return Ok(vec![Operation { id, next_stamp }]);
        };
        let operation = |fields: Fields| {
            let fields = fields.tenant(&session.application.tenant);
            let fields = fields.text(session.account.as_str()).bytes(key.expose());
            // The old stamp never comes back, so that the new one never does either.
            let fields = fields.bytes(session.stamp.as_bytes());
            let id = RecordId::from_parts(tag, fields.clone().text("id").digest().head());
            let next_stamp = Stamp::from_bytes(fields.text("stamp").digest().head());
            Operation { id, next_stamp }
        };
        Ok(self.inner.keys.indexes(Purpose::Change).map(operation).collect())
    }
}

impl Operation {
    /// Returns true if the account is as this change has left it. Another change, an end of all
    /// sessions by the host, or a new mark makes the answer false.
    fn is_done(&self, account: &Account) -> bool {
        account.last_change == Some(self.id)
            && account.stamp == self.next_stamp
            && !account.must_change
    }
}

/// Returns the answer to a password that permits no change, or `None` if it permits one.
fn refused(checked: &Checked, account: &Account) -> Option<ChangeOutcome> {
    match checked {
        Checked::Right { .. } if account.locked => Some(ChangeOutcome::LockedOut { until: None }),
        Checked::Right { .. } => None,
        Checked::Wrong => Some(ChangeOutcome::WrongPassword),
        Checked::LockedOut(until) => Some(ChangeOutcome::LockedOut { until: Some(*until) }),
        Checked::TryLater(retry_at, _) => Some(ChangeOutcome::TryLater { retry_at: *retry_at }),
    }
}
