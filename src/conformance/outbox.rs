//! The suite for outboxes. Each change has a notice, which is leased to one courier at a time and
//! never lost.

use core::{future::poll_fn, task::Poll, time::Duration};
use std::{collections::BTreeSet, sync::Arc};

use super::{
    case_result::{CaseResult, Violation, hold, same},
    clauses,
    user_bench::{PutAccount, UserStoreBench, account, address, all, change, stamp, tenant},
};
use crate::{
    domain::{LanguageTag, PhoneNumber, Recipient, Timestamp},
    ports::{
        Applied, NOTICE_CLOCK_SLACK, NOTICE_LEASE, Notice, NoticeCause, NoticeDelivery, NoticeId,
        NoticeRecipient, Outbox, PasswordChange, StoreError, UserStore,
    },
};

clauses! {
    /// One clause of the outbox's contract.
    OutboxCase over OutboxBench;
    /// Makes one test for each clause of the outbox's contract. The argument is a function from
    /// [`OutboxCase`](crate::conformance::OutboxCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    outbox_conformance;
    in self:
        a_change_queues_a_notice_for_each_address
        a_change_that_did_not_happen_queues_nothing
        a_change_that_is_cut_queues_its_notice_or_does_not_happen
        a_notice_says_what_the_change_said
        a_notice_to_a_phone_keeps_its_number
        a_leased_notice_is_nobody_elses_for_a_while
        a_lease_ends_after_a_minute_to_the_microsecond
        a_notice_that_was_not_done_is_due_again
        the_notice_that_is_due_longest_goes_first
        a_postponed_notice_waits_for_its_time_to_the_microsecond
        a_postponed_notice_keeps_what_it_says_and_how_often_it_was_tried
        notices_that_are_put_off_never_hold_up_the_others
        a_clock_that_stepped_back_hides_no_notice
        a_clock_that_is_a_little_behind_ends_no_lease
        what_is_done_never_comes_back
        what_is_done_cannot_be_put_off
        an_unknown_notice_is_nothing
        the_limit_of_due_is_honoured
        parallel_couriers_never_hold_one_notice;
}

/// An outbox under test, with the user store whose changes fill it. Each case needs fresh and empty
/// ones.
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
    /// Creates a bench for an outbox and the user store that fills it. `put` puts an account into
    /// the store.
    #[must_use]
    pub fn new(
        outbox: impl Outbox + 'static,
        users: impl UserStore + 'static,
        put: PutAccount,
    ) -> Self {
        Self { outbox: Arc::new(outbox), users: UserStoreBench::new(users, put) }
    }

    /// Changes the passwords of this many accounts, and returns the changes.
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

    /// Changes one password this long after the suite begins. The number decides the address.
    async fn changed_at(&self, number: u8, after: Duration) -> CaseResult {
        let ada = account(&format!("ada{number}"), &format!("ada{number}@example.com"))?;
        self.users.put(&ada).await?;
        let change = PasswordChange { at: now().after(after), ..change(&ada, 2)? };
        let applied = self.users.apply(&change).await?;
        same("a change", applied, Applied::Done { notice: NoticeDelivery::Queued })
    }

    /// Returns the one notice that is due.
    async fn one(&self, now: Timestamp) -> Result<Notice, Violation> {
        let mut due = self.outbox.due(now, 10).await?;
        same("notices that are due", due.len(), 1)?;
        due.pop().ok_or_else(|| Violation::new("nothing was due"))
    }

    /// Returns the addresses and ids of the notices that are due this long after the change.
    async fn due(
        &self,
        after: Duration,
        limit: usize,
    ) -> Result<Vec<(String, NoticeId)>, StoreError> {
        let notices = self.outbox.due(now().after(after), limit).await?;
        Ok(notices.into_iter().map(|it| (it.to.as_str().to_owned(), it.id)).collect())
    }
}

/// Returns the time at which the suite changes passwords.
const fn now() -> Timestamp {
    Timestamp::from_micros(1_800_000_000_000_000)
}

/// The most polls after which a change is dropped. Few stores need so many polls to answer.
const POLLS: u8 = 12;

/// A time long after the end of every lease.
const LATER: Duration = Duration::from_secs(600);

const SECOND: Duration = Duration::from_secs(1);
const MICROSECOND: Duration = Duration::from_micros(1);

async fn a_change_queues_a_notice_for_each_address(bench: &OutboxBench) -> CaseResult {
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

async fn a_change_that_did_not_happen_queues_nothing(bench: &OutboxBench) -> CaseResult {
    let done = bench.changed(1).await?;
    for change in done {
        let stale = PasswordChange {
            expected_stamp: stamp(9),
            operation: other(&change),
            ..change.clone()
        };
        same("another stamp", bench.users.apply(&stale).await?, Applied::Stale)?;
        bench.users.apply(&change).await?;
    }
    same("notices of one change", bench.due(Duration::ZERO, 10).await?.len(), 1)
}

async fn a_change_that_is_cut_queues_its_notice_or_does_not_happen(
    bench: &OutboxBench,
) -> CaseResult {
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
        // The repeated call waits for anything that the first one left behind.
        bench.users.apply(&change).await?;
    }
    let due = bench.due(Duration::ZERO, 2 * usize::from(POLLS)).await?;
    same("notices of changes that were cut and repeated", due.len(), usize::from(POLLS))
}

fn other(change: &PasswordChange) -> crate::domain::RecordId {
    crate::domain::RecordId::from_parts(change.operation.tenant_tag(), [77; 16])
}

async fn a_leased_notice_is_nobody_elses_for_a_while(bench: &OutboxBench) -> CaseResult {
    bench.changed(3).await?;
    same("due", bench.due(Duration::ZERO, 10).await?.len(), 3)?;
    for seconds in [0, 1, 20] {
        let again = bench.due(Duration::from_secs(seconds), 10).await?;
        hold(again.is_empty(), || format!("handed out twice within {seconds} seconds"))?;
    }
    Ok(())
}

async fn a_notice_says_what_the_change_said(bench: &OutboxBench) -> CaseResult {
    let mut ada = account("ada", "here@example.com")?;
    ada.addresses.push(address("elsewhere@example.com")?);
    ada.addresses.push(address("unknown@example.com")?);
    bench.users.put(&ada).await?;
    let causes = [
        ("elsewhere@example.com", NoticeCause::CodeSentElsewhere),
        ("here@example.com", NoticeCause::CodeSentHere),
        ("unknown@example.com", NoticeCause::Unknown),
    ];
    let mut change = change(&ada, 2)?;
    change.language = Some(LanguageTag::parse("pt-BR").map_err(Violation::of)?);
    change.notify.clear();
    for (to, cause) in causes {
        change.notify.push(NoticeRecipient::new(address(to)?, cause));
    }
    bench.users.apply(&change).await?;
    let mut notices = bench.outbox.due(now(), 10).await?;
    notices.sort_unstable_by(|one, other| one.to.as_str().cmp(other.to.as_str()));
    let told: Vec<_> = notices.iter().map(|it| (it.to.as_str(), it.cause)).collect();
    same("who is told what", told, causes.to_vec())?;
    for notice in &notices {
        same("language", &notice.language, &change.language)?;
        same("tries of a new notice", notice.tries, 0)?;
        // The code that freezes an account is made of these.
        if bench.users.store.keeps_freezes() {
            same("account", notice.account.as_ref(), Some(&change.account))?;
            same("operation", notice.operation, Some(change.operation))?;
        }
    }
    Ok(())
}

async fn a_notice_to_a_phone_keeps_its_number(bench: &OutboxBench) -> CaseResult {
    let ada = account("ada", "ada@example.com")?;
    bench.users.put(&ada).await?;
    let number = PhoneNumber::parse("+14255550123").map_err(Violation::of)?;
    let mut change = change(&ada, 2)?;
    change.notify.push(NoticeRecipient::new(number.clone(), NoticeCause::ChangedByUser));
    bench.users.apply(&change).await?;
    let wanted = vec![Recipient::Phone(number), Recipient::Email(address("ada@example.com")?)];
    for after in [Duration::ZERO, LATER] {
        let mut notices = bench.outbox.due(now().after(after), 10).await?;
        notices.sort_unstable_by(|one, other| one.to.as_str().cmp(other.to.as_str()));
        let told: Vec<Recipient> = notices.iter().map(|notice| notice.to.clone()).collect();
        same("who is told", &told, &wanted)?;
        let Some(text) = notices.first() else { return Err(Violation::new("nothing was due")) };
        same("why", text.cause, NoticeCause::ChangedByUser)?;
        for notice in &notices {
            bench.outbox.postpone(&notice.id, 1, now().after(LATER), now()).await?;
        }
    }
    let due = bench.outbox.due(now().after(LATER * 2), 10).await?;
    for notice in due.iter().filter(|notice| notice.to.address().is_none()) {
        bench.outbox.done(&notice.id).await?;
    }
    let left = bench.due(LATER * 4, 10).await?;
    let left: Vec<&str> = left.iter().map(|(to, _)| to.as_str()).collect();
    same("left", left, vec!["ada@example.com"])
}

async fn a_lease_ends_after_a_minute_to_the_microsecond(bench: &OutboxBench) -> CaseResult {
    bench.changed(1).await?;
    let leased = bench.due(SECOND, 10).await?;
    let early = bench.due(SECOND + NOTICE_LEASE - MICROSECOND, 10).await?;
    hold(early.is_empty(), || "handed out again before its lease ended".to_owned())?;
    same("when the lease ends", bench.due(SECOND + NOTICE_LEASE, 10).await?, leased)
}

async fn the_notice_that_is_due_longest_goes_first(bench: &OutboxBench) -> CaseResult {
    for (number, after) in [(0, 30), (1, 10), (2, 20), (3, 0)] {
        bench.changed_at(number, Duration::from_secs(after)).await?;
    }
    let mut told = Vec::new();
    for limit in [1, 3] {
        let due = bench.due(Duration::from_secs(30), limit).await?;
        told.extend(due.into_iter().map(|(to, _)| to));
    }
    let order = [3, 1, 2, 0].map(|number| format!("ada{number}@example.com"));
    same("in the order of their due times", told, order.to_vec())
}

async fn a_postponed_notice_waits_for_its_time_to_the_microsecond(
    bench: &OutboxBench,
) -> CaseResult {
    bench.changed(1).await?;
    let notice = bench.one(now()).await?;
    // One time is before the end of its lease, and one is after it.
    let mut at = now();
    for wait in [SECOND, NOTICE_LEASE * 60] {
        let until = at.after(wait);
        bench.outbox.postpone(&notice.id, 1, until, at).await?;
        let early = bench.outbox.due(until.before(MICROSECOND), 10).await?;
        hold(early.is_empty(), || format!("due before its {wait:?} were over"))?;
        same("the one that was put off", bench.one(until).await?.id, notice.id.clone())?;
        at = until;
    }
    Ok(())
}

async fn a_postponed_notice_keeps_what_it_says_and_how_often_it_was_tried(
    bench: &OutboxBench,
) -> CaseResult {
    bench.changed(2).await?;
    let due = bench.outbox.due(now(), 1).await?;
    let Some(first) = due.first() else { return Err(Violation::new("nothing was due")) };
    bench.outbox.postpone(&first.id, 7, now().after(LATER), now()).await?;
    let rest = bench.outbox.due(now().after(LATER), 10).await?;
    same("due later", rest.len(), 2)?;
    for notice in &rest {
        let tries = if notice.id == first.id { 7 } else { 0 };
        same("tries", notice.tries, tries)?;
        same("when", notice.at, now())?;
        same("why", notice.cause, NoticeCause::CodeSentHere)?;
    }
    hold(rest.iter().any(|notice| notice.to == first.to), || "another address".to_owned())
}

async fn notices_that_are_put_off_never_hold_up_the_others(bench: &OutboxBench) -> CaseResult {
    for number in 0..4 {
        bench.changed_at(number, Duration::ZERO).await?;
    }
    let stuck = bench.due(Duration::ZERO, 4).await?;
    for (_, id) in &stuck {
        bench.outbox.postpone(id, 1, now().after(4 * SECOND), now()).await?;
    }
    bench.changed_at(9, 2 * SECOND).await?;
    // All five are due, and the new one has waited longest.
    let due = bench.due(5 * SECOND, 1).await?;
    let told: Vec<&str> = due.iter().map(|(to, _)| to.as_str()).collect();
    same("with a limit of one", told, vec!["ada9@example.com"])
}

async fn a_clock_that_stepped_back_hides_no_notice(bench: &OutboxBench) -> CaseResult {
    let hour = Duration::from_secs(3600);
    bench.changed(1).await?;
    let notice = bench.one(now()).await?;
    let back = now().before(NOTICE_CLOCK_SLACK + MICROSECOND);
    same("leased by a clock that was ahead", bench.one(back).await?.id, notice.id.clone())?;
    bench.outbox.postpone(&notice.id, 3, now().after(hour), now()).await?;
    let found = bench.one(now().before(hour)).await?;
    same("put off by a clock that was ahead", found.tries, 3)?;
    // The last lease was taken by this clock, so the notice stays leased.
    let again = bench.outbox.due(now().before(hour), 10).await?;
    hold(again.is_empty(), || "the same notice twice".to_owned())
}

async fn a_clock_that_is_a_little_behind_ends_no_lease(bench: &OutboxBench) -> CaseResult {
    bench.changed(1).await?;
    let notice = bench.one(now()).await?;
    for behind in [MICROSECOND, SECOND, NOTICE_CLOCK_SLACK] {
        let due = bench.outbox.due(now().before(behind), 10).await?;
        hold(due.is_empty(), || format!("a clock {behind:?} behind takes a leased notice"))?;
    }
    bench.outbox.postpone(&notice.id, 1, now().after(LATER), now()).await?;
    let due = bench.outbox.due(now().before(NOTICE_CLOCK_SLACK), 10).await?;
    hold(due.is_empty(), || "a clock that is behind takes what was put off".to_owned())
}

async fn what_is_done_cannot_be_put_off(bench: &OutboxBench) -> CaseResult {
    bench.changed(1).await?;
    let notice = bench.one(now()).await?;
    bench.outbox.done(&notice.id).await?;
    bench.outbox.postpone(&notice.id, 1, now(), now()).await?;
    let due = bench.outbox.due(now().after(LATER), 10).await?;
    hold(due.is_empty(), || "a notice that was done came back".to_owned())
}

async fn a_notice_that_was_not_done_is_due_again(bench: &OutboxBench) -> CaseResult {
    bench.changed(1).await?;
    let first = bench.due(Duration::ZERO, 10).await?;
    let again = bench.due(LATER, 10).await?;
    same("after the lease", again, first)
}

async fn what_is_done_never_comes_back(bench: &OutboxBench) -> CaseResult {
    bench.changed(2).await?;
    let due = bench.due(Duration::ZERO, 10).await?;
    let Some((_, id)) = due.first() else { return Err(Violation::new("nothing was due")) };
    for _ in 0..2 {
        bench.outbox.done(id).await?;
    }
    let left = bench.due(LATER, 10).await?;
    same("left", left, due.get(1..).unwrap_or_default().to_vec())
}

async fn an_unknown_notice_is_nothing(bench: &OutboxBench) -> CaseResult {
    bench.changed(1).await?;
    for unknown in ["", "999999", "-1", "no number", "' OR 1=1"] {
        let id = NoticeId(unknown.to_owned());
        bench.outbox.postpone(&id, 1, now().after(LATER), now()).await?;
        bench.outbox.done(&id).await?;
    }
    same("due", bench.due(Duration::ZERO, 10).await?.len(), 1)
}

async fn the_limit_of_due_is_honoured(bench: &OutboxBench) -> CaseResult {
    bench.changed(5).await?;
    let mut sizes = Vec::new();
    for limit in [0, 2, 2, 2] {
        sizes.push(bench.due(Duration::ZERO, limit).await?.len());
    }
    same("with limits 0, 2, 2, 2 of five", sizes, vec![0, 2, 2, 1])
}

async fn parallel_couriers_never_hold_one_notice(bench: &OutboxBench) -> CaseResult {
    bench.changed(12).await?;
    let held = all((0..8).map(|_| bench.due(Duration::ZERO, 3))).await?;
    let ids: Vec<String> = held.into_iter().flatten().map(|(_, id)| id.0).collect();
    let distinct: BTreeSet<&String> = ids.iter().collect();
    hold(distinct.len() == ids.len(), || format!("two couriers hold one notice: {ids:?}"))?;
    let left = bench.due(Duration::ZERO, 100).await?.len();
    same("handed out and left", ids.len() + left, 12)
}
