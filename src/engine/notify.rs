//! Notices of changed passwords, and the tenants' totals.

use core::{future::Future, time::Duration};
use std::sync::Arc;

use futures_util::future::{Either, select};

use crate::{
    domain::{Account, Code, EmailAddress, LanguageTag, Recipient, Timestamp},
    error::Error,
    mail::{Content, EmailMessage, Letter, look_up},
    policy::FreezeCodes,
    ports::{
        EmailSender, EventKind, Failure, Inserted, Limit, NOTICE_LEASE, Notice, NoticeId,
        NoticeRecipient, Outbox, Outcome, PasswordChange, SendErrorKind,
    },
};

use super::{
    Client,
    deliver::Delivered,
    follow_up::FollowUp,
    freeze_records::{self, Freezable},
    notify_text::Texting,
    queue::{Job, Kind, QueuedNotice, Slot, Work},
    rest::rest,
    sspr::{About, Inner},
};

/// The pause before the second try of a notice. Each further pause is twice as long.
const PAUSE: Duration = Duration::from_secs(60);
/// The longest pause between two tries of a notice.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// The longest pause if the last copy may have arrived, because every extra copy annoys the user.
const LONGEST_UNKNOWN_PAUSE: Duration = Duration::from_secs(24 * 3600);
/// The period after the change during which a notice is tried.
const LIFETIME: Duration = Duration::from_secs(7 * 24 * 3600);
/// The lowest number of tries of a notice. It holds for old notices too, because the clock may have
/// been wrong.
const FEWEST_TRIES: u32 = 10;

/// The number of tries that wait for the code store. If it still fails then, the notice goes out
/// without a code, because no store may silence a notice.
const CODE_TRIES: u32 = 3;

/// The longest time that a notice waits beyond its lease in a process that does not know its
/// tenant.
const JITTER: Duration = Duration::from_secs(10);

/// The result of one try to send a notice.
pub(super) struct Told {
    pub(super) delivered: Delivered,
    pub(super) outcome: Outcome,
    pub(super) failure: Option<Failure>,
    /// The limit that has kept the notice back.
    pub(super) limit: Option<Limit>,
    /// The time to wait before the next try.
    pub(super) pause: Duration,
    /// False if the process does not know the tenant and has tried nothing. The try counts
    /// nevertheless if the notice is old.
    counts: bool,
}

impl Told {
    /// Adds the reason why the notice was not sent, if there is one.
    pub(super) fn describes<'a>(&'a self, about: About<'a>) -> About<'a> {
        About { limit: self.limit, ..about.failed(self.failure.as_ref()) }
    }
}

impl Inner {
    /// Prepares the notices of a change, unless the store queues them itself. Returns `None` if the
    /// queue has no room.
    pub(super) fn prepare_notices(
        self: &Arc<Self>,
        change: &PasswordChange,
        before: &Account,
        client: &Client,
    ) -> Option<FollowUp> {
        let mut jobs = Vec::new();
        if !self.outboxes.always_queue(change.tenant.tag(), self.outbox.as_ref()) {
            for recipient in &change.notify {
                let slot = self.queue.reserve(Kind::Notice, change.tenant.tag())?;
                jobs.push(notice_job(change, before, recipient, client, slot));
            }
        }
        Some(FollowUp::new(self.clone(), jobs, Duration::ZERO))
    }

    /// Queues the notices of a change that has happened, although the store was expected to queue
    /// them.
    pub(super) fn queue_notices(
        self: &Arc<Self>,
        change: &PasswordChange,
        before: &Account,
        client: &Client,
        now: Timestamp,
    ) {
        match self.prepare_notices(change, before, client) {
            Some(notices) => notices.confirm(),
            None => {
                let about = About::client(client).of(&change.tenant).reset(change.operation);
                self.emit(EventKind::Notify, Outcome::TryLater, about, now);
            }
        }
    }

    /// Tries to send one notice. `tries` is the number of tries before this one.
    pub(super) async fn notify(
        &self,
        sender: &impl EmailSender,
        notice: &Notice,
        tries: u32,
    ) -> Told {
        let told = |delivered, outcome, failure| {
            let pause = pause_after(tries, LONGEST_PAUSE);
            Told { counts: true, delivered, failure, limit: None, outcome, pause }
        };
        let failed = |outcome, failure| {
            let is_old = self.clock.now().since(notice.at) >= LIFETIME;
            if is_old && tries.saturating_add(1) >= FEWEST_TRIES {
                return told(Delivered::Failed, Outcome::GivenUp, failure);
            }
            let counts = is_old || outcome != Outcome::Unavailable;
            Told { counts, ..told(Delivered::Postponed, outcome, failure) }
        };
        let sent = match &notice.to {
            Recipient::Email(to) => {
                let code = match self.code_of_notice(notice, to).await {
                    Ok(code) => code,
                    // The code waits for the store, but the owner waits for the notice.
                    Err(_) if tries >= CODE_TRIES => None,
                    Err(error) => return failed(Outcome::Error, Some(error.failure())),
                };
                match self.compose_notice(notice, to, code.as_ref()) {
                    Ok(Some(message)) => sender.send(&message).await,
                    // Keep the notice, because another process may know the tenant.
                    Ok(None) => return failed(Outcome::Unavailable, None),
                    Err(error) => return failed(Outcome::Error, Some(error.failure())),
                }
            }
            Recipient::Phone(to) => match self.text_notice(to, notice).await {
                Ok(Texting::Ready(sms, message)) => sms.send_text(&message).await,
                Ok(Texting::Elsewhere) => return failed(Outcome::Unavailable, None),
                // The tenant may send texts to the number again.
                Ok(Texting::NotServed) => {
                    return Told { counts: true, ..failed(Outcome::Unavailable, None) };
                }
                Ok(Texting::Limited(limit)) => {
                    return Told { limit: Some(limit), ..failed(Outcome::TryLater, None) };
                }
                Err(error) => return failed(Outcome::Error, Some(error.failure())),
            },
        };
        let Err(error) = sent else {
            return told(Delivered::Sent, Outcome::Ok, None);
        };
        let failure = Some(Failure::from(&error));
        match error.kind() {
            SendErrorKind::Permanent => {
                told(Delivered::Failed, Outcome::FailedPermanently, failure)
            }
            SendErrorKind::Unknown => {
                let pause = pause_after(tries, LONGEST_UNKNOWN_PAUSE);
                Told { pause, ..failed(Outcome::FailedForNow, failure) }
            }
            _ => failed(Outcome::FailedForNow, failure),
        }
    }

    /// Sends one notice that is leased from the outbox, and reports the result to the outbox.
    pub(super) async fn notify_leased(&self, sender: &impl EmailSender, notice: &Notice) -> Told {
        let Some(outbox) = &self.outbox else {
            return self.notify(sender, notice, notice.tries).await;
        };
        let told = self.holding(&**outbox, notice, self.notify(sender, notice, notice.tries)).await;
        let now = self.clock.now();
        let kept = match told.delivered {
            Delivered::Postponed => {
                let (tries, pause) = if told.counts {
                    (notice.tries.saturating_add(1), told.pause)
                } else {
                    // The pause is random, because otherwise the same process would always come
                    // first.
                    (notice.tries, NOTICE_LEASE + self.time_below(JITTER).unwrap_or_default())
                };
                outbox.postpone(&notice.id, tries, now.after(pause), now).await
            }
            Delivered::Discarded | Delivered::Failed | Delivered::Sent => {
                outbox.done(&notice.id).await
            }
        };
        if let Err(error) = kept {
            let failure = Error::from(error).failure();
            let about = about(notice).failed(Some(&failure));
            self.emit(EventKind::Notify, Outcome::Error, about, now);
        }
        told
    }

    /// Renews the lease of a notice until the try has ended.
    async fn holding<T>(
        &self,
        outbox: &dyn Outbox,
        notice: &Notice,
        trying: impl Future<Output = T>,
    ) -> T {
        let mut trying = Box::pin(trying);
        loop {
            let now = self.clock.now();
            let resting = Box::pin(rest(&*self.clock, now.after(NOTICE_LEASE / 2)));
            match select(trying, resting).await {
                Either::Left((told, _)) => return told,
                Either::Right(((), unfinished)) => trying = unfinished,
            }
            let now = self.clock.now();
            // If this fails, another process may send the notice too, which is safe.
            let until = now.after(NOTICE_LEASE);
            let _ = outbox.postpone(&notice.id, notice.tries, until, now).await;
        }
    }

    /// Leases at most `most` notices from the outbox.
    pub(super) async fn lease_notices(&self, most: usize) -> Vec<Notice> {
        let now = self.clock.now();
        let Some(outbox) = self.outbox.as_ref().filter(|_| most > 0) else { return Vec::new() };
        match outbox.due(now, most).await {
            Ok(due) => due,
            Err(error) => {
                let failure = Error::from(error).failure();
                let about = About::default().failed(Some(&failure));
                self.emit(EventKind::Notify, Outcome::Error, about, now);
                Vec::new()
            }
        }
    }

    /// Adds the wrong tries of this process to the tenants' counters. Past the threshold, new codes
    /// are longer until the window ends.
    ///
    /// The totals are never exact, because this runs off the request path.
    pub(super) async fn settle_tenants(&self, now: Timestamp) -> Result<(), Error> {
        for (tenant, tries) in self.tenants.pending() {
            let tag = tenant.tag();
            let limits = self.limits(tag)?;
            let throttle = self.throttle(tag, &limits);
            self.codes.charge(&throttle.tenant_tries(tries), now).await?;
            let over = self.codes.charge(&throttle.tenant_question(), now).await?;
            if let Some(over) = over.first()
                && self.tenants.elevate(tag, over.ends_at, now)
            {
                let about = About::default().of(&tenant);
                self.emit(EventKind::TenantTries, Outcome::LongerCode, about, now);
            }
            // Settle the tries only now, so that at every moment they count in at least one of the
            // two places.
            self.tenants.settled(tag, tries);
        }
        Ok(())
    }

    /// Returns the code of a notice with which its recipient freezes the account. Its record is in the
    /// store by then. Returns `None` if the tenant has not switched such codes on, or if the code
    /// would be dead.
    async fn code_of_notice(
        &self,
        notice: &Notice,
        to: &EmailAddress,
    ) -> Result<Option<Code>, Error> {
        let policy = self.policy(&notice.tenant)?;
        let is_on = policy.is_some_and(|policy| policy.freeze_codes() == FreezeCodes::On);
        let now = self.clock.now();
        let is_live = now < notice.at.after(freeze_records::LIFETIME);
        let (Some(account), Some(operation)) = (&notice.account, notice.operation) else {
            return Ok(None);
        };
        let is_on = is_on && notice.cause.is_change();
        if !is_on || !is_live || !self.users.keeps_freezes() {
            return Ok(None);
        }
        let (account, to) = (account.clone(), to.clone());
        let what = Freezable { account, at: notice.at, operation, to };
        let Some(code) = self.freeze_code(&notice.tenant, &what) else { return Ok(None) };
        let kept = self.keep_freeze_code(&notice.tenant, &code, &what, now).await?;
        Ok(matches!(kept, Inserted::Inserted | Inserted::Exists).then_some(code))
    }

    fn compose_notice(
        &self,
        notice: &Notice,
        to: &EmailAddress,
        freeze: Option<&Code>,
    ) -> Result<Option<EmailMessage>, Error> {
        let Some(policy) = self.policy(&notice.tenant)? else { return Ok(None) };
        let wanted: Vec<&LanguageTag> = notice.language.iter().collect();
        let (at, cause) = (notice.at, notice.cause);
        let content = if cause.is_change() {
            Content::PasswordChanged { at, cause, freeze }
        } else {
            Content::AccountEvent { at, cause }
        };
        Ok(Some(self.templates.render(&Letter {
            application: None,
            brand: policy.brand(),
            content,
            correlation: notice.correlation.clone(),
            language: look_up(&wanted, policy.languages()),
            tenant: &notice.tenant,
            to,
        })))
    }
}

/// Returns how long to wait after a failed try, given the number of tries before it.
fn pause_after(tries: u32, longest: Duration) -> Duration {
    let doubled = PAUSE.saturating_mul(1_u32.checked_shl(tries).unwrap_or(u32::MAX));
    doubled.min(longest)
}

/// Returns the details of an event about a notice.
pub(super) fn about(notice: &Notice) -> About<'_> {
    About {
        account: notice.account.as_ref(),
        correlation: notice.correlation.as_ref(),
        ..About::default().of(&notice.tenant)
    }
}

fn notice_job(
    change: &PasswordChange,
    before: &Account,
    recipient: &NoticeRecipient,
    client: &Client,
    slot: Slot,
) -> Job {
    let id = NoticeId(change.operation.to_string());
    let mut notice = Notice::new(id, change.tenant.clone(), recipient.to.clone(), change.at);
    notice.account = Some(change.account.clone());
    notice.cause = recipient.cause;
    notice.operation = Some(change.operation);
    notice.language.clone_from(&change.language);
    notice.correlation.clone_from(&client.correlation);
    let (account, reset) = (change.account.clone(), change.operation);
    let correlation = client.correlation.clone();
    Job::new(
        Work::Notice(QueuedNotice { account, before: before.last_change, notice, reset }),
        correlation,
        Some(slot),
    )
}
