//! Notices of changed passwords, and the tenants' totals.

use crate::{
    domain::{CorrelationId, Instant, LanguageTag},
    error::Error,
    mail::{Content, EmailMessage, Letter, look_up},
    ports::{EmailSender, EventKind, Notice, NoticeId, NoticeRecipient, Outcome, PasswordChange},
};

use super::{
    Client,
    deliver::Delivered,
    queue::{Job, Work},
    sspr::{About, Inner},
};

/// Notices taken from the outbox at once.
const LEASES: usize = 64;

impl Inner {
    /// Puts the notices of a change into this process's memory, because no outbox keeps them.
    pub(super) fn queue_notices(&self, change: &PasswordChange, client: &Client, now: Instant) {
        for NoticeRecipient { to, cause } in &change.notify {
            let about = About::client(client).of(&change.tenant).reset(change.reset);
            let Some(slot) = self.queue.reserve(change.tenant.tag()) else {
                self.emit(EventKind::Notify, Outcome::TryLater, about, now);
                continue;
            };
            let id = NoticeId(change.reset.to_string());
            let mut notice = Notice::new(id, change.tenant.clone(), to.clone(), change.at);
            notice.cause = *cause;
            notice.language.clone_from(&change.language);
            let correlation: Option<CorrelationId> = client.correlation.clone();
            notice.correlation.clone_from(&correlation);
            let work = Work::Notice(notice);
            self.queue.push(Job { correlation, slot, tried: 0, work }, now);
        }
    }

    /// Sends one notice.
    pub(super) async fn notify(
        &self,
        sender: &impl EmailSender,
        notice: &Notice,
    ) -> (Delivered, Outcome) {
        let message = match self.compose_notice(notice) {
            Ok(Some(message)) => message,
            Ok(None) => return (Delivered::Failed, Outcome::Unavailable),
            Err(_) => return (Delivered::Postponed, Outcome::Error),
        };
        match sender.send(&message).await {
            Ok(()) => (Delivered::Sent, Outcome::Ok),
            Err(error) if error.is_transient() => (Delivered::Postponed, Outcome::FailedForNow),
            Err(_) => (Delivered::Failed, Outcome::FailedPermanently),
        }
    }

    /// Delivers what the user store queued in its transactions, at least once each.
    pub(super) async fn empty_outbox(
        &self,
        sender: &impl EmailSender,
        now: Instant,
    ) -> Vec<Delivered> {
        let mut all = Vec::new();
        let Some(outbox) = &self.outbox else { return all };
        let Ok(due) = outbox.due(now, LEASES).await else {
            self.emit(EventKind::Notify, Outcome::Error, About::default(), now);
            return all;
        };
        for notice in due {
            let (delivered, outcome) = self.notify(sender, &notice).await;
            // A notice that failed for now is due again when its lease ends.
            if delivered != Delivered::Postponed && outbox.done(&notice.id).await.is_err() {
                self.emit(EventKind::Notify, Outcome::Error, About::default(), now);
            }
            let about = About {
                correlation: notice.correlation.as_ref(),
                ..About::default().of(&notice.tenant)
            };
            self.emit(EventKind::Notify, outcome, about, now);
            all.push(delivered);
        }
        all
    }

    /// Adds this process's wrong tries to the tenants' counters. Past the threshold new codes are
    /// longer until the window ends. Never exact, never on the request path.
    pub(super) async fn settle_tenants(&self, now: Instant) -> Result<(), Error> {
        for (tenant, tries) in self.tenants.pending() {
            let tag = tenant.tag();
            let numbers = self.numbers(tag)?;
            let throttle = self.throttle(tag, &numbers);
            self.codes.charge(&throttle.tenant_tries(tries), now).await?;
            let over = self.codes.charge(&throttle.tenant_question(), now).await?;
            if let Some(over) = over.first()
                && self.tenants.elevate(tag, over.ends_at, now)
            {
                let about = About::default().of(&tenant);
                self.emit(EventKind::TenantTries, Outcome::LongerCode, about, now);
            }
            // Only now: between the two calls the tries must count in one place or the other.
            self.tenants.settled(tag, tries);
        }
        Ok(())
    }

    fn compose_notice(&self, notice: &Notice) -> Result<Option<EmailMessage>, Error> {
        let Some(policy) = self.policy(&notice.tenant)? else { return Ok(None) };
        let wanted: Vec<&LanguageTag> = notice.language.iter().collect();
        Ok(Some(self.templates.render(&Letter {
            brand: policy.brand(),
            content: Content::PasswordChanged { at: notice.at, cause: notice.cause },
            correlation: notice.correlation.clone(),
            language: look_up(&wanted, policy.languages()),
            to: &notice.to,
        })))
    }
}
