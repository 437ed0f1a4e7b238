//! Notices of the actions of staff, and of a frozen account.
//!
//! They wait in the memory of the process that did the action, so that a crash can lose them.

use std::sync::Arc;

use crate::{
    domain::{Account, RecordId, TenantId, Timestamp},
    error::Error,
    ports::{Notice, NoticeCause, NoticeId},
};

use super::{
    follow_up::FollowUp,
    lockouts::LockoutOwner,
    queue::{Job, Kind, QueuedNotice, Work},
    sspr::Inner,
};

/// One event of an account that its owner is told of.
#[derive(Clone, Copy, Debug)]
pub(super) struct AccountEvent<'a> {
    pub(super) tenant: &'a TenantId,
    pub(super) account: &'a Account,
    pub(super) cause: NoticeCause,
    /// The id of the operation, or of the record that it wrote.
    pub(super) operation: RecordId,
    pub(super) at: Timestamp,
}

impl Inner {
    /// Prepares the notices of an event, one for each destination of the account. Returns `None` if
    /// the queue has no room.
    pub(super) fn prepare_account_notices(
        self: &Arc<Self>,
        event: AccountEvent<'_>,
    ) -> Option<FollowUp> {
        let AccountEvent { account, at, cause, operation, tenant } = event;
        let mut jobs = Vec::new();
        for to in account.destinations() {
            let slot = self.queue.reserve(Kind::Notice, tenant.tag())?;
            let id = NoticeId(operation.to_string());
            let mut notice = Notice::new(id, tenant.clone(), to.clone(), at);
            notice.cause = cause;
            notice.language.clone_from(&account.language);
            let queued = QueuedNotice {
                account: account.id.clone(),
                before: account.last_change,
                notice,
                reset: operation,
            };
            jobs.push(Job::new(Work::Notice(queued), None, Some(slot)));
        }
        Some(FollowUp::new(self.clone(), jobs, core::time::Duration::ZERO))
    }

    /// Returns true if the event of a notice has happened, or may have happened, although its caller
    /// has left.
    pub(super) async fn has_happened(
        &self,
        queued: &QueuedNotice,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let cause = queued.notice.cause;
        if cause == NoticeCause::HelpOffered {
            return Ok(self.codes.load(&queued.reset, &[], now).await?.found().is_some());
        }
        let found = self.users.find(&queued.notice.tenant, &queued.account).await?;
        if let (NoticeCause::PauseEnded, Some(account)) = (cause, &found) {
            let owner = LockoutOwner::Account(account);
            let (id, _) = self.lockout_ids(&queued.notice.tenant, owner);
            let kept = self.lockout(id, now).await?;
            return Ok(kept.is_some_and(|kept| kept.lockout.failures == 0));
        }
        Ok(found.is_some_and(|account| match cause {
            NoticeCause::ChangeRequired => account.must_change,
            NoticeCause::Frozen => account.frozen.is_some(),
            NoticeCause::Unfrozen => account.frozen.is_none(),
            // The answer is lost once another reset has changed the account too. Then the notice is
            // sent, because one notice too many does no harm.
            _ => account.last_change.is_some() && account.last_change != queued.before,
        }))
    }
}
