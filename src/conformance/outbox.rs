//! The outbox: a notice for each change, leased to one courier at a time, never lost.

use core::{future::poll_fn, task::Poll, time::Duration};
use std::{collections::BTreeSet, sync::Arc};

use super::{
    clauses,
    user_store::{PutAccount, UserStoreBench, account, address, all, change, stamp, tenant},
    verdict::{Verdict, Violation, hold, same},
};
use crate::{
    domain::Instant,
    ports::{Applied, NoticeDelivery, NoticeId, Outbox, PasswordChange, StoreError, UserStore},
};

clauses! {
    /// One clause of the outbox's contract.
    OutboxCase over OutboxBench;
    /// Makes one test for each clause of the outbox's contract. The argument is a function from
    /// [`OutboxCase`](crate::conformance::OutboxCase) to
    /// [`Verdict`](crate::conformance::Verdict).
    outbox_conformance;
    in self:
        a_change_queues_a_notice_for_each_address
        a_change_that_did_not_happen_queues_nothing
        a_change_that_is_cut_queues_its_notice_or_does_not_happen
        a_leased_notice_is_nobody_elses_for_a_while
        a_notice_that_was_not_done_is_due_again
        what_is_done_never_comes_back
        an_unknown_notice_is_nothing
        the_limit_of_due_is_honoured
        parallel_couriers_never_hold_one_notice;
}

/// An outbox on the bench, with the user store whose changes fill it: fresh and empty for each case.
#[derive(Clone)]
pub struct OutboxBench {
    users: UserStoreBench,
    outbox: Arc<dyn Outbox>,
}

impl core::fmt::Debug for OutboxBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("OutboxBench")
    }
}

impl OutboxBench {
    /// A bench for an outbox, the user store that fills it, and how the host puts an account in.
    #[must_use]
    pub fn new(
        outbox: impl Outbox + 'static,
        users: impl UserStore + 'static,
        put: PutAccount,
    ) -> Self {
        Self { outbox: Arc::new(outbox), users: UserStoreBench::new(users, put) }
    }

    /// Changes so many passwords; answers the changes.
    async fn changed(&self, accounts: u8) -> Result<Vec<PasswordChange>, Violation> {
        let mut changes = Vec::new();
        for number in 0..accounts {
            let ada = account(&format!("ada{number}"), &format!("ada{number}@example.com"))?;
            self.users.put(&ada).await?;
            let change = change(&ada, 2)?;
            let applied = self.users.apply(&change).await?;
            same("a change", applied, Applied::Done { notice: NoticeDelivery::Queued })?;
            changes.push(change);
        }
        Ok(changes)
    }

    /// Addresses and ids of what is due so long after the change.
    async fn due(
        &self,
        after: Duration,
        limit: usize,
    ) -> Result<Vec<(String, NoticeId)>, StoreError> {
        let notices = self.outbox.due(now().after(after), limit).await?;
        Ok(notices.into_iter().map(|it| (it.to.as_str().to_owned(), it.id)).collect())
    }
}

/// When the suite changes passwords.
const fn now() -> Instant {
    Instant::from_micros(1_800_000_000_000_000)
}

/// A change is dropped after so many polls; few stores need as many to answer.
const POLLS: u8 = 12;

/// No lease may last longer: a notice of an attack would come late.
const LONGEST_LEASE: Duration = Duration::from_secs(600);

async fn a_change_queues_a_notice_for_each_address(bench: &OutboxBench) -> Verdict {
    let mut ada = account("ada", "ada@example.com")?;
    ada.addresses.push(address("ada@work.example")?);
    bench.users.put(&ada).await?;
    bench.users.apply(&change(&ada, 2)?).await?;
    let notices = bench.outbox.due(now(), 10).await?;
    let mut told: Vec<&str> = notices.iter().map(|notice| notice.to.as_str()).collect();
    told.sort_unstable();
    same("told", told, vec!["ada@example.com", "ada@work.example"])?;
    for notice in &notices {
        same("tenant", &notice.tenant, &tenant()?)?;
        same("when", notice.at, now())?;
    }
    Ok(())
}

async fn a_change_that_did_not_happen_queues_nothing(bench: &OutboxBench) -> Verdict {
    let done = bench.changed(1).await?;
    for change in done {
        let stale =
            PasswordChange { expected_stamp: stamp(9), reset: other(&change), ..change.clone() };
        same("another stamp", bench.users.apply(&stale).await?, Applied::Stale)?;
        bench.users.apply(&change).await?;
    }
    same("notices of one change", bench.due(Duration::ZERO, 10).await?.len(), 1)
}

async fn a_change_that_is_cut_queues_its_notice_or_does_not_happen(bench: &OutboxBench) -> Verdict {
    for polls in 0..POLLS {
        let ada = account(&format!("ada{polls}"), &format!("ada{polls}@example.com"))?;
        bench.users.put(&ada).await?;
        let change = change(&ada, 2)?;
        let mut call = Box::pin(bench.users.apply(&change));
        let mut left = polls;
        poll_fn(|context| {
            if left == 0 {
                return Poll::Ready(());
            }
            left -= 1;
            call.as_mut().poll(context).map(|_| ())
        })
        .await;
        drop(call);
        // The repeated call waits for what the first one left behind.
        bench.users.apply(&change).await?;
    }
    let due = bench.due(Duration::ZERO, 2 * usize::from(POLLS)).await?;
    same("notices of changes that were cut and repeated", due.len(), usize::from(POLLS))
}

fn other(change: &PasswordChange) -> crate::domain::RecordId {
    crate::domain::RecordId::from_parts(change.reset.tenant_tag(), [77; 16])
}

async fn a_leased_notice_is_nobody_elses_for_a_while(bench: &OutboxBench) -> Verdict {
    bench.changed(3).await?;
    same("due", bench.due(Duration::ZERO, 10).await?.len(), 3)?;
    for seconds in [0, 1, 20] {
        let again = bench.due(Duration::from_secs(seconds), 10).await?;
        hold(again.is_empty(), || format!("handed out twice within {seconds} seconds"))?;
    }
    Ok(())
}

async fn a_notice_that_was_not_done_is_due_again(bench: &OutboxBench) -> Verdict {
    bench.changed(1).await?;
    let first = bench.due(Duration::ZERO, 10).await?;
    let again = bench.due(LONGEST_LEASE, 10).await?;
    same("after the lease", again, first)
}

async fn what_is_done_never_comes_back(bench: &OutboxBench) -> Verdict {
    bench.changed(2).await?;
    let due = bench.due(Duration::ZERO, 10).await?;
    let Some((_, id)) = due.first() else { return Err(Violation::new("nothing was due")) };
    for _ in 0..2 {
        bench.outbox.done(id).await?;
    }
    let left = bench.due(LONGEST_LEASE, 10).await?;
    same("left", left, due.get(1..).unwrap_or_default().to_vec())
}

async fn an_unknown_notice_is_nothing(bench: &OutboxBench) -> Verdict {
    bench.changed(1).await?;
    for unknown in ["", "999999", "-1", "no number", "' OR 1=1"] {
        bench.outbox.done(&NoticeId(unknown.to_owned())).await?;
    }
    same("due", bench.due(Duration::ZERO, 10).await?.len(), 1)
}

async fn the_limit_of_due_is_honoured(bench: &OutboxBench) -> Verdict {
    bench.changed(5).await?;
    let mut sizes = Vec::new();
    for limit in [0, 2, 2, 2] {
        sizes.push(bench.due(Duration::ZERO, limit).await?.len());
    }
    same("with limits 0, 2, 2, 2 of five", sizes, vec![0, 2, 2, 1])
}

async fn parallel_couriers_never_hold_one_notice(bench: &OutboxBench) -> Verdict {
    bench.changed(12).await?;
    let held = all((0..8).map(|_| bench.due(Duration::ZERO, 3))).await?;
    let ids: Vec<String> = held.into_iter().flatten().map(|(_, id)| id.0).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    hold(distinct.len() == ids.len(), || format!("two couriers hold one notice: {ids:?}"))?;
    let left = bench.due(Duration::ZERO, 100).await?.len();
    same("handed out and left", ids.len() + left, 12)
}
