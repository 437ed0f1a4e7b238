//! The write of a new password, with the notices that must follow it.

use std::sync::Arc;

use crate::{
    domain::{Account, EmailAddress, Timestamp},
    error::Error,
    policy::FreezeCodes,
    ports::{Applied, NoticeCause, NoticeDelivery, NoticeRecipient, PasswordChange},
};

use super::{Client, follow_up::FollowUp, freeze_records::Void, sspr::Inner};

impl Inner {
    /// Changes a password, and sees to its notices even if the caller goes away. Returns `None` if
    /// the queue has no room for the notices, and then nothing has changed.
    pub(super) async fn apply(
        self: &Arc<Self>,
        change: &PasswordChange,
        before: &Account,
        client: &Client,
        now: Timestamp,
    ) -> Result<Option<Applied>, Error> {
        self.void_earlier_codes(change, before, now).await?;
        // Prepare the notices before the change, so that a caller that leaves from here on keeps
        // none back.
        let Some(notices) = self.prepare_notices(change, before, client) else { return Ok(None) };
        self.apply_prepared(change, before, client, notices, now).await.map(Some)
    }

    /// Changes a password with its notices, which are prepared already.
    pub(super) async fn apply_prepared(
        self: &Arc<Self>,
        change: &PasswordChange,
        before: &Account,
        client: &Client,
        notices: FollowUp,
        now: Timestamp,
    ) -> Result<Applied, Error> {
        let applied = match self.users.apply_change(change).await {
            Ok(applied) => applied,
            Err(error) => {
                notices.failed(&error);
                return Err(error.into());
            }
        };
        let Applied::Done { notice } = applied else {
            notices.withdraw();
            return Ok(applied);
        };
        self.queue.forget_unsure_notices(change.operation);
        self.outboxes.note(change.tenant.tag(), notice);
        match notice {
            // The store was expected to queue the notices, but it did not.
            NoticeDelivery::NotQueued if notices.is_empty() => {
                self.queue_notices(change, before, client, now);
            }
            NoticeDelivery::NotQueued => notices.confirm(),
            NoticeDelivery::Queued => notices.withdraw(),
        }
        Ok(applied)
    }

    /// Makes the codes of earlier notices void that must not freeze the account after this change. It
    /// happens before the change, so that no caller leaves one valid.
    pub(super) async fn void_earlier_codes(
        &self,
        change: &PasswordChange,
        before: &Account,
        now: Timestamp,
    ) -> Result<(), Error> {
        let policy = self.policy(&change.tenant)?;
        let is_on = policy.is_some_and(|policy| policy.freeze_codes() == FreezeCodes::On);
        if !self.users.keeps_freezes() || !(is_on || before.frozen.is_some()) {
            return Ok(());
        }
        // The codes of an earlier account with the same id, and those from before staff have made sure
        // of the owner, who may have lost a mailbox.
        let is_by_staff = |it: &NoticeRecipient| {
            matches!(it.cause, NoticeCause::CodeFromStaff | NoticeCause::TemporaryPassword)
        };
        let voids_all = before.last_change.is_none() || change.notify.iter().any(is_by_staff);
        let all = voids_all.then_some(Void::All);
        // Whoever has chosen this password reads this mailbox.
        let here = change.notify.iter().filter(|it| it.cause == NoticeCause::CodeSentHere);
        let back = before.frozen.iter().flat_map(|frozen| &frozen.recover_to);
        let here = here.filter_map(|it| it.to.address());
        let addresses: Vec<&EmailAddress> = here.chain(back).collect();
        for which in all.into_iter().chain(addresses.into_iter().map(Void::To)) {
            let (tenant, account) = (&change.tenant, &change.account);
            self.void_freeze_codes(tenant, account, which, change.operation, now).await?;
        }
        Ok(())
    }
}
