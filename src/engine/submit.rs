//! `submit`: the new password.

use crate::{
    domain::{
        Account, Destination, Digest, Grant, Password, PasswordHash, Purpose, Recipient, Stamp,
        Ticket, Timestamp,
    },
    error::Error,
    flow::{Bound, Event, ResetReason, Stage, Step},
    policy::{Limits, PasswordIssue, TenantPolicy},
    ports::{
        Applied, EventKind, HashError, HashQueue, NoticeCause, NoticeRecipient, Outcome,
        PasswordChange, PasswordMatch, Swapped,
    },
};

use super::{
    ChangedPassword, Client, Sspr, SubmitOutcome,
    call::Call,
    new_password::broken_rules,
    records::{MAX_CONFLICTS, terms},
    span::spanned,
    sspr::Inner,
    stored::Stored,
    turns::{Taken, Turns, hashes},
};

/// The account that a grant is for, with its reset, its policy and the turns for its hashes.
#[derive(Clone, Copy)]
struct Spending<'a> {
    stored: &'a Stored,
    bound: &'a Bound,
    account: &'a Account,
    policy: &'a TenantPolicy,
    turns: &'a Turns,
}

impl Sspr {
    /// Sets the new password.
    ///
    /// A retry with the same grant and password ends where the first call would have, with the same
    /// ticket. This holds after any lost answer and for as long as the ticket is valid, even after the
    /// ticket was redeemed. The notice of the change is sent even if this call is dropped after the
    /// change.
    ///
    /// # Errors
    /// A store, the policy source, the hasher or the source of randomness failed. If the password was
    /// changed nevertheless, a retry says so.
    ///
    /// # Security
    /// The policy, the account and the stamp are checked again. The store changes hash and stamp
    /// together or not at all.
    ///
    /// One grant costs at most ten slow hashes. A submit charges its hashes before it looks at the
    /// account, and takes the charge back if a rule refuses the password without a hash. A password that
    /// the rules refuse whatever the account costs nothing. At most a hundred submits of a grant reach
    /// the account or the breach check.
    ///
    /// The submits of one tenant do not keep other tenants out: beyond its share of the slots a submit is
    /// answered with [`SubmitOutcome::TryLater`] before any charge, store call or hash.
    pub async fn submit(
        &self,
        grant: &Grant,
        password: &Password,
        client: &Client,
    ) -> Result<SubmitOutcome, Error> {
        let call = self.inner.call(EventKind::Submit, Some(client)).of_reset(grant.record());
        let answer = if self.admits(grant.is_genuine(&self.inner.keys), grant.scope()) {
            spanned(
                "submit",
                client.correlation.as_ref(),
                self.submit_at(grant, password, client, &call),
            )
            .await
        } else {
            Ok(SubmitOutcome::Rejected)
        };
        let outcome = match &answer {
            Ok(SubmitOutcome::Changed(_)) => Outcome::Ok,
            Ok(SubmitOutcome::Weak { .. }) => Outcome::Weak,
            Ok(SubmitOutcome::Rejected) => Outcome::Rejected,
            Ok(SubmitOutcome::TryLater { .. }) => Outcome::TryLater,
            Err(_) => Outcome::Error,
        };
        call.report(outcome, answer)
    }

    async fn submit_at(
        &self,
        grant: &Grant,
        password: &Password,
        client: &Client,
        call: &Call<'_>,
    ) -> Result<SubmitOutcome, Error> {
        let (inner, now) = (&*self.inner, call.began);
        let tenant = grant.record().tenant_tag();
        // Take the slot before any charge, so that a submit that must try later has lost nothing.
        let Some(_place) = inner.submit_slots.take(tenant) else {
            return Ok(try_later(&inner.limits(tenant)?, now));
        };
        let Some(policy) = inner.policy_of(grant.record(), now).await? else {
            return Ok(SubmitOutcome::Rejected);
        };
        // These rules need no account, so that the password is refused before anything is charged.
        let issues = broken_rules(&policy, password, None);
        if !issues.is_empty() {
            return Ok(SubmitOutcome::Weak { issues });
        }
        // A breach check may take long. A caller that leaves during it keeps its turns.
        let rules = policy.password_rules();
        let count = if inner.breaches.is_some() { 0 } else { hashes(rules.refuses_current()) };
        let limits = policy.limits();
        let (stored, turns) = match inner.read_with_turns(grant, count, limits, now).await? {
            Taken::Yes(taken) => taken,
            Taken::No => return Ok(SubmitOutcome::Rejected),
            Taken::Later => return Ok(try_later(limits, now)),
        };
        call.has_stored(&stored);
        let answer = self.spend(grant, password, client, (&stored, &policy, &turns), now).await;
        // Whoever can come again gets back the turns for which no hash was run.
        if !matches!(answer, Ok(SubmitOutcome::Changed(_) | SubmitOutcome::Rejected)) {
            inner.give_back_turns(&stored, &turns, limits, now).await;
        }
        answer
    }

    /// Presents the grant to its reset, and changes the password.
    async fn spend(
        &self,
        grant: &Grant,
        password: &Password,
        client: &Client,
        (stored, policy, turns): (&Stored, &TenantPolicy, &Turns),
        now: Timestamp,
    ) -> Result<SubmitOutcome, Error> {
        let inner = &*self.inner;
        let event = Event::Spend { grant: grant.hash() };
        let step = stored.reset.step(event, &terms(policy.limits()), now);
        let (Step::Stay, Some(bound)) = (step, &stored.reset.bound) else {
            return Ok(SubmitOutcome::Rejected);
        };
        let account = match inner.bound_account(&stored.id, bound) {
            Some(account) => inner.users.find(&stored.reset.origin.tenant, &account).await?,
            None => None,
        };
        let Some(account) = account else { return Ok(SubmitOutcome::Rejected) };
        let spending = Spending { account: &account, bound, policy, stored, turns };
        if account.last_change == Some(stored.id) {
            if inner.breaches.is_some()
                && let Some(answer) = self.take_more(grant, &spending, 1, now).await?
            {
                return Ok(answer);
            }
            return self.repeat(grant, password, &spending, now).await;
        }
        self.reset(grant, password, client, &spending, now).await
    }

    /// Takes further turns. Returns the answer if there are too few.
    async fn take_more(
        &self,
        grant: &Grant,
        spending: &Spending<'_>,
        count: usize,
        now: Timestamp,
    ) -> Result<Option<SubmitOutcome>, Error> {
        let (limits, turns) = (spending.policy.limits(), spending.turns);
        Ok(match self.inner.take_turns(grant, count, limits, turns, now).await? {
            Taken::Yes(()) => None,
            Taken::No => Some(SubmitOutcome::Rejected),
            Taken::Later => Some(try_later(limits, now)),
        })
    }

    /// Handles the first submit: checks everything, hashes the password and applies the change.
    async fn reset(
        &self,
        grant: &Grant,
        password: &Password,
        client: &Client,
        spending: &Spending<'_>,
        now: Timestamp,
    ) -> Result<SubmitOutcome, Error> {
        let inner = &*self.inner;
        let Spending { account, bound, policy, stored, turns } = *spending;
        if !inner.is_permitted(stored, bound).await? {
            // The stamp may differ because another submit of this grant has just won. Closing the
            // reset now would take away the ticket of that submit.
            if let Some(account) = self.overtaken(spending).await? {
                let spending = Spending { account: &account, ..*spending };
                return self.follow(grant, password, &spending, now).await;
            }
            self.close(stored, policy, now).await?;
            return Ok(SubmitOutcome::Rejected);
        }
        let issues = inner.issues(grant, password, policy, account, now).await;
        if !issues.is_empty() {
            return Ok(SubmitOutcome::Weak { issues });
        }
        // Whoever must change the password cannot keep it, whatever the proof.
        let refuses_current = policy.password_rules().refuses_current()
            || stored.reset.origin.reason == ResetReason::MustChange
            || account.must_change
            || account.password_expires_at.is_some();
        let more = hashes(refuses_current).saturating_sub(turns.held());
        if more > 0
            && let Some(answer) = self.take_more(grant, spending, more, now).await?
        {
            return Ok(answer);
        }
        if let Some(current) = account.password.as_ref().filter(|_| refuses_current) {
            match self.compare(password, current.clone(), turns).await {
                Ok(PasswordMatch::Match | PasswordMatch::MatchOutdated) => {
                    let issues = vec![PasswordIssue::SameAsCurrent];
                    return Ok(SubmitOutcome::Weak { issues });
                }
                // A hash that the hasher does not know must not keep its owner out.
                Ok(PasswordMatch::Mismatch) | Err(HashError::Unsupported) => {}
                Err(error) => return busy_or(error, policy, now),
            }
        }
        let turn = turns.spend();
        let hash = match inner.hasher.hash(password.duplicate(), HashQueue::Submit).await {
            Ok(hash) => hash,
            Err(error) => {
                turns.refund(turn.filter(|_| error == HashError::Busy));
                return busy_or(error, policy, now);
            }
        };
        let change = self.change_of(spending, hash, now)?;
        let Some(applied) = self.inner.apply(&change, account, client, now).await? else {
            return Ok(try_later(policy.limits(), now));
        };
        let stamp = match applied {
            Applied::Done { .. } => change.next_stamp,
            Applied::Repeated { .. } => {
                return match self.overtaken(spending).await? {
                    Some(account) => {
                        let spending = Spending { account: &account, ..*spending };
                        self.follow(grant, password, &spending, now).await
                    }
                    None => Ok(SubmitOutcome::Rejected),
                };
            }
            Applied::Stale => {
                self.close(stored, policy, now).await?;
                return Ok(SubmitOutcome::Rejected);
            }
        };
        self.complete(grant, stored, bound, policy, stamp, now).await
    }

    /// Compares the password with a hash, and spends a turn on it unless the hasher had no room.
    async fn compare(
        &self,
        password: &Password,
        with: PasswordHash,
        turns: &Turns,
    ) -> Result<PasswordMatch, HashError> {
        let turn = turns.spend();
        let compared =
            self.inner.hasher.verify(password.duplicate(), with, HashQueue::Submit).await;
        turns.refund(turn.filter(|_| matches!(compared, Err(HashError::Busy))));
        compared
    }

    /// Returns the account if it carries this reset by now, because then another submit of the
    /// grant has won.
    async fn overtaken(&self, spending: &Spending<'_>) -> Result<Option<Account>, Error> {
        let Spending { stored, account, .. } = spending;
        let found = self.inner.users.find(&stored.reset.origin.tenant, &account.id).await?;
        Ok(found.filter(|account| account.last_change == Some(stored.id)))
    }

    /// Goes on after another submit of the grant has won. Only the same password is accepted.
    async fn follow(
        &self,
        grant: &Grant,
        password: &Password,
        spending: &Spending<'_>,
        now: Timestamp,
    ) -> Result<SubmitOutcome, Error> {
        // The hash of the comparison is one more.
        if let Some(answer) = self.take_more(grant, spending, 1, now).await? {
            return Ok(answer);
        }
        self.repeat(grant, password, spending, now).await
    }

    /// Handles a retry, because the account carries this reset already.
    async fn repeat(
        &self,
        grant: &Grant,
        password: &Password,
        spending: &Spending<'_>,
        now: Timestamp,
    ) -> Result<SubmitOutcome, Error> {
        let Spending { account, bound, policy, stored, turns } = *spending;
        let Some(current) = account.password.clone() else { return Ok(SubmitOutcome::Rejected) };
        match self.compare(password, current, turns).await {
            Ok(PasswordMatch::Match | PasswordMatch::MatchOutdated) => {
                self.complete(grant, stored, bound, policy, account.stamp, now).await
            }
            Ok(PasswordMatch::Mismatch) => Ok(SubmitOutcome::Rejected),
            Err(error) => busy_or(error, policy, now),
        }
    }

    /// Marks the reset as completed, and derives the ticket. Every retry derives the same ticket.
    async fn complete(
        &self,
        grant: &Grant,
        stored: &Stored,
        bound: &Bound,
        policy: &TenantPolicy,
        stamp: Stamp,
        now: Timestamp,
    ) -> Result<SubmitOutcome, Error> {
        let inner = &*self.inner;
        let Some(ticket) = inner.ticket_of(grant, bound) else {
            return Ok(SubmitOutcome::Rejected);
        };
        let limits = policy.limits();
        let mut reread: Option<Stored> = None;
        for _ in 0..MAX_CONFLICTS {
            let stored = reread.as_ref().unwrap_or(stored);
            let event = Event::Complete { stamp, ticket: ticket.hash() };
            let next = match stored.reset.step(event, &terms(limits), now) {
                Step::Next(next) => next,
                Step::Stay => return Ok(changed(ticket, &stored.reset)),
                Step::Refused(_) => return Ok(SubmitOutcome::Rejected),
            };
            match inner.swap(stored, &next, &[], limits, now).await? {
                Swapped::Swapped { .. } => return Ok(changed(ticket, &next)),
                Swapped::Missing | Swapped::Refused(_) => return Ok(SubmitOutcome::Rejected),
                Swapped::Conflict { .. } => {}
            }
            let Some(again) = inner.load(stored.id, now).await? else {
                return Ok(SubmitOutcome::Rejected);
            };
            reread = Some(again);
        }
        Ok(SubmitOutcome::TryLater { retry_at: now })
    }

    /// Closes a reset that can no longer succeed. Ignores a conflict, because then the reset has
    /// moved on by itself.
    async fn close(
        &self,
        stored: &Stored,
        policy: &TenantPolicy,
        now: Timestamp,
    ) -> Result<(), Error> {
        let limits = policy.limits();
        if let Step::Next(next) = stored.reset.step(Event::Close, &terms(limits), now) {
            self.inner.swap(stored, &next, &[], limits, now).await?;
        }
        Ok(())
    }

    fn change_of(
        &self,
        spending: &Spending<'_>,
        password: PasswordHash,
        now: Timestamp,
    ) -> Result<PasswordChange, Error> {
        let Spending { account, bound, policy, stored, .. } = *spending;
        let origin = &stored.reset.origin;
        let code_went_to = self.inner.bound_destination(stored, bound, policy, account);
        let recipient = |to: Recipient| {
            let cause = match (origin.reason, code_went_to) {
                (ResetReason::Assistance, _) => NoticeCause::CodeFromStaff,
                (ResetReason::MustChange, _) => NoticeCause::ChangedByUser,
                (ResetReason::Forgot, Some(Destination::Phone(_))) => NoticeCause::CodeSentByText,
                (ResetReason::Forgot, Some(here)) if here == to.destination() => {
                    NoticeCause::CodeSentHere
                }
                (ResetReason::Forgot, Some(Destination::Email(_)) | None) => {
                    NoticeCause::CodeSentElsewhere
                }
            };
            NoticeRecipient::new(to, cause)
        };
        let next_stamp = Stamp::generate(&*self.inner.entropy)?;
        let tenant = origin.tenant.clone();
        let change = PasswordChange::new(tenant, account, stored.id, (password, next_stamp), now);
        Ok(PasswordChange {
            language: account.language.clone().or_else(|| origin.locale.clone()),
            notify: self.inner.recipients(policy, account).map(recipient).collect(),
            ..change
        })
    }
}

impl Inner {
    fn ticket_of(&self, grant: &Grant, bound: &Bound) -> Option<Ticket> {
        let fields = self.keys.under(bound.key, Purpose::Ticket)?;
        let fields = fields.bytes(grant.record().as_bytes()).bytes(grant.hash().as_bytes());
        let secret: Digest = fields.digest();
        let check = self.keys.under(bound.key, Purpose::TokenCheck)?;
        Some(Ticket::new(&grant.record(), grant.scope(), &secret, check))
    }
}

fn changed(ticket: Ticket, reset: &crate::flow::Reset) -> SubmitOutcome {
    let expires_at = match reset.stage {
        Stage::Completed { expires_at, .. } => expires_at,
        Stage::Opened
        | Stage::CodeSent
        | Stage::Proved
        | Stage::Verified { .. }
        | Stage::Closed => return SubmitOutcome::Rejected,
    };
    SubmitOutcome::Changed(ChangedPassword { expires_at, ticket })
}

fn busy_or(
    error: HashError,
    policy: &TenantPolicy,
    now: Timestamp,
) -> Result<SubmitOutcome, Error> {
    if error == HashError::Busy {
        return Ok(try_later(policy.limits(), now));
    }
    Err(error.into())
}

fn try_later(limits: &Limits, now: Timestamp) -> SubmitOutcome {
    SubmitOutcome::TryLater { retry_at: now.after(limits.resend_cooldown / 10) }
}
