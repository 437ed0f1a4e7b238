//! The courier, which does everything that depends on an account, off the request path.

use core::{
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use std::sync::Arc;

use futures_util::{
    future::select,
    stream::{FuturesUnordered, Stream},
};

use crate::{
    domain::{Destination, Timestamp},
    error::Error,
    ports::{EmailSender, EventKind, Notice, Outcome, Sleep},
};

use super::{
    deliver::{Delivered, UNKNOWN_TRIES},
    drained::Drained,
    hands::{HELD, Hands, Held, Kept},
    lockouts::Charged,
    notify,
    queue::{Certainty, Job, Kind, QueuedNotice, Work},
    rest::{has_stepped_back, rest},
    settlement::Settlement,
    sspr::{About, Inner},
};

/// The number of hands for mails with codes. A mail keeps its hand for the first second of its
/// sending. Slower mails go on without a hand, so that a stalled server holds up few others.
const HANDS: usize = 32;
/// The number of mails with codes that may be under way at the same time, with or without a hand.
const MOST_CODES: usize = 128;
/// The number of hands for notices. They are separate from the hands for codes, so that no notice
/// delays a code.
const NOTICE_HANDS: usize = 16;
/// The number of notices that may be under way at the same time, with or without a hand.
const MOST_NOTICES: usize = 128;
/// The number of abandoned sign-ins that are settled at the same time.
const SETTLEMENT_HANDS: usize = 64;
/// The time between two rounds, which look after the outbox and the tenants' totals.
const ROUND: Duration = Duration::from_secs(5);
/// The pause before the second try of a mail with a code. Each further pause is twice as long.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause between two tries of a mail with a code.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The pause before the courier looks again for a write that an absent caller may have made.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// The number of tries after which a notice without an outbox is given up, once the last handle is
/// dropped. Earlier tries count as well.
const CLOSING_TRIES: u32 = 12;
/// The number of tries after which the courier gives up an abandoned sign-in, because the store
/// fails.
const SETTLEMENT_TRIES: u32 = 12;

/// The worker that makes and sends the mails of a service.
///
/// It looks up accounts, evaluates the policy, generates codes and sends them. Codes by SMS go to
/// the sender of [`Builder::with_sms`](super::Builder::with_sms). It also finishes the work of
/// callers that were dropped. Spawn [`Courier::run`] on any runtime, or call
/// [`Courier::drain`] where there is no runtime.
///
/// Waiting mails are in the memory of this process. A crash loses the mail but not the reset, and the
/// user requests another code.
///
/// Codes go first, because notices have a share and due times of their own. A notice is sent again
/// for seven days, with pauses from one minute to one hour. The pause is up to one day if the last
/// copy may have arrived. A message that takes longer than a second holds up no other message, until
/// 128 codes or 128 notices are under way.
#[derive(Debug)]
#[must_use = "without its courier running no mail is sent"]
pub struct Courier {
    inner: Arc<Inner>,
}

impl Courier {
    pub(super) const fn over(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Sends mails until the last [`Sspr`](super::Sspr) handle is dropped and no mail waits.
    ///
    /// After the last handle is dropped, a mail that cannot be handed over is given up after about ten
    /// minutes. Notices in an outbox stay there for the next process. Dropping the future loses mails
    /// that were not handed over, but no reset.
    pub async fn run(self, sender: impl EmailSender + 'static) {
        let writing = Box::pin(self.inner.write_audit());
        let sending = Box::pin(self.send_all(&sender));
        select(sending, writing).await;
        self.inner.finish_audit().await;
    }

    /// Sends mails until no handle is left and no mail waits.
    async fn send_all(&self, sender: &impl EmailSender) {
        let inner = &*self.inner;
        let (code_hands, notice_hands) = (Hands::new(HANDS), Hands::new(NOTICE_HANDS));
        let mut codes = FuturesUnordered::new();
        let mut notices = FuturesUnordered::new();
        let mut settlements = FuturesUnordered::new();
        let mut rounds = FuturesUnordered::new();
        let mut rests = FuturesUnordered::new();
        let mut seen = inner.clock.now();
        let mut next_round = seen;
        // The number of notices that the current round may bring.
        let mut awaited = 0;
        // True if the last round used every free hand, because the outbox may then hold more
        // notices.
        let mut more_wait = false;
        let mut last_round = LastRound::Ahead;
        let mut hurried = false;
        let mut pause: Option<(Timestamp, Sleep)> = None;
        loop {
            let now = inner.clock.now();
            if inner.queue.follow_clock(seen, now) {
                next_round = now;
                pause = None;
            }
            seen = now;
            let idle = codes.is_empty() && notices.is_empty() && settlements.is_empty();
            let over = inner.queue.is_closed() && idle && inner.queue.is_empty();
            if inner.queue.is_closed() && !hurried {
                inner.queue.hurry_notices(now);
                hurried = true;
            }
            if rounds.is_empty() && over {
                match last_round {
                    LastRound::Ahead => (next_round, last_round) = (now, LastRound::Begun),
                    LastRound::Begun => return,
                }
            }
            let free = notice_hands.free().min(MOST_NOTICES.saturating_sub(notices.len()));
            if rounds.is_empty() && (now >= next_round || (more_wait && free > 0)) {
                awaited = free;
                rounds.push(self.round(awaited));
                next_round = now.after(ROUND);
            }
            while code_hands.free() > 0 && codes.len() < MOST_CODES {
                let Some(job) = inner.queue.pop_due(Kind::Passcode, now) else { break };
                codes.push(self.work_in(code_hands.take(), sender, job));
            }
            while notice_hands.free() > awaited && notices.len() < MOST_NOTICES {
                let Some(job) = inner.queue.pop_due(Kind::Notice, now) else { break };
                notices.push(self.work_in(notice_hands.take(), sender, job));
            }
            while settlements.len() < SETTLEMENT_HANDS {
                let Some(job) = inner.queue.pop_due(Kind::Settlement, now) else { break };
                settlements.push(self.work(sender, job, Haste::Natural));
            }
            let has_room = [
                codes.len() < MOST_CODES,
                notices.len() < MOST_NOTICES,
                settlements.len() < SETTLEMENT_HANDS,
            ];
            let first_due = || {
                let [codes, notices, settlements] = has_room;
                let free = [
                    (Kind::Passcode, codes && code_hands.free() > 0),
                    (Kind::Notice, notices && notice_hands.free() > awaited),
                    (Kind::Settlement, settlements),
                ];
                let free = free.iter().filter(|(_, is_free)| *is_free);
                free.filter_map(|(kind, _)| inner.queue.next_due(*kind)).min()
            };
            let round_at = if rounds.is_empty() { next_round } else { now.after(ROUND) };
            let wake_at = first_due().map_or(round_at, |due| due.min(round_at));
            if pause.as_ref().is_none_or(|(until, _)| *until != wake_at) {
                pause = Some((wake_at, inner.clock.sleep_until(wake_at)));
            }
            let leased = poll_fn(|context| {
                // Watch the queue first, so that every push from here on wakes this task.
                inner.queue.watch(context.waker());
                let worked = next(&mut codes, context);
                let done = worked.is_some()
                    | is_done(&mut notices, context)
                    | is_done(&mut settlements, context);
                if let Some(kept) = worked.and_then(|worked| worked.kept) {
                    rests.push(kept.rest(&*inner.clock));
                }
                let _ = is_done(&mut rests, context);
                // This includes jobs that were due long ago, as soon as a hand is free for them.
                let fresh = first_due().is_some_and(|next| next < wake_at);
                let may_lease = more_wait && rounds.is_empty() && has_room[1];
                let fresh = fresh || (may_lease && notice_hands.free() > 0);
                let rested = pause
                    .as_mut()
                    .is_some_and(|(_, sleep)| sleep.as_mut().poll(context).is_ready());
                if rested {
                    pause = None;
                }
                if let Some(leased) = next(&mut rounds, context) {
                    return Poll::Ready(Some(leased));
                }
                let over = inner.queue.is_closed() && rounds.is_empty();
                let over = over && codes.is_empty() && notices.is_empty();
                let over = over && settlements.is_empty() && inner.queue.is_empty();
                let latest = inner.queue.latest(seen);
                let stepped = has_stepped_back(latest, inner.clock.now());
                if done || rested || fresh || over || stepped {
                    Poll::Ready(None)
                } else {
                    Poll::Pending
                }
            })
            .await;
            if let Some(leased) = leased {
                let leased: Vec<Notice> = leased;
                if awaited > 0 {
                    more_wait = leased.len() == awaited;
                }
                awaited = 0;
                for notice in leased {
                    let job = Job::new(Work::Leased(notice), None, None);
                    notices.push(self.work_in(notice_hands.take(), sender, job));
                }
            }
        }
    }

    /// Does a job, and gives its hand back when the job ends or takes longer than a second.
    async fn work_in(&self, hand: Held<'_>, sender: &impl EmailSender, job: Job) -> Worked {
        let work = self.work(sender, job, Haste::Natural);
        hand.work(&*self.inner.clock, work).await
    }

    /// Handles every mail that waits now, and returns. It skips the pauses that hide timing.
    ///
    /// It is for tests, and for hosts that send mails after the reply in the same process. A mail that
    /// cannot be handed over is kept for the next call. A mail that is under way when the call is
    /// dropped is kept as well.
    pub async fn drain(&self, sender: &impl EmailSender) -> Drained {
        let mut drained = Drained::default();
        for kind in Kind::ALL {
            while let Some(job) = self.pop_fresh(kind) {
                let is_mail = kind != Kind::Settlement;
                let worked = self.work(sender, job, Haste::Now).await;
                if is_mail {
                    drained.count(worked.delivered);
                }
            }
        }
        for notice in self.round(DRAINED_NOTICES).await {
            let job = Job::new(Work::Leased(notice), None, None);
            drained.count(self.work(sender, job, Haste::Now).await.delivered);
        }
        self.inner.flush_audit().await;
        drained
    }

    fn pop_fresh(&self, kind: Kind) -> Option<Job> {
        let now = self.inner.clock.now();
        self.inner.queue.follow_clock(now, now);
        self.inner.queue.pop_fresh(kind, now)
    }

    async fn work(&self, sender: &impl EmailSender, job: Job, haste: Haste) -> Worked {
        let inner = &*self.inner;
        let mut hand = InHand { inner, job: Some(job) };
        let Some(job) = hand.job.as_mut() else { return Delivered::Discarded.into() };
        let Job { work, tried, unknown, certainty, correlation, .. } = job;
        let (tried, correlation) = (*tried, correlation.as_ref());
        let began = inner.clock.now();
        let mut pause = pause_after(tried);
        let delivered = match work {
            Work::Passcode(passcode) => {
                let told = inner.deliver(sender, passcode, certainty, unknown, correlation).await;
                if *certainty != Certainty::Certain {
                    pause = LOOK_AGAIN;
                } else {
                    let about = About {
                        correlation,
                        failure: told.failure.as_ref(),
                        limit: passcode.limit,
                        account: passcode.account.as_ref(),
                        reset: Some(passcode.reset),
                        tenant: Some(&passcode.tenant),
                        ..About::default()
                    };
                    inner.emit(EventKind::Deliver, told.outcome, about, inner.clock.now());
                    let to = Destination::Email(&passcode.address);
                    inner.audit_mail(EventKind::Deliver, told.outcome, about, to);
                }
                told.delivered
            }
            Work::Notice(queued) => {
                self.work_on_queued(sender, queued, certainty, tried, &mut pause).await
            }
            Work::Leased(notice) => {
                let told = inner.notify_leased(sender, notice).await;
                let about = told.describes(notify::about(notice));
                inner.emit(EventKind::Notify, told.outcome, about, began);
                inner.audit_mail(EventKind::Notify, told.outcome, about, notice.to.destination());
                // The outbox keeps a postponed notice, so the queue must not keep it too.
                hand.job = None;
                return told.delivered.into();
            }
            Work::Settlement(settlement) => {
                self.work_on_sign_in(settlement, certainty, tried, &mut pause).await
            }
        };
        // A mere look for a write does not count as a try.
        let looked = *certainty != Certainty::Certain;
        let Some(job) = hand.job.take() else { return delivered.into() };
        match delivered {
            Delivered::Postponed => {
                let now = inner.clock.now();
                let tried = if looked { tried.max(1) } else { tried.saturating_add(1) };
                inner.queue.push_after(Job { tried, ..job }, pause, now);
            }
            // A decoy keeps its hand and its room for as long as a mail would.
            Delivered::Discarded if haste == Haste::Natural => {
                let until = began.after(inner.pace.get());
                rest(&*inner.clock, until.min(began.after(HELD))).await;
                return Worked { delivered, kept: Some(Kept { slot: job.slot, until }) };
            }
            Delivered::Sent if haste == Haste::Natural && job.work.kind() == Kind::Passcode => {
                inner.pace.set(inner.clock.now().since(began));
            }
            Delivered::Discarded | Delivered::Failed | Delivered::Sent => {}
        }
        delivered.into()
    }

    /// Tries once to settle a sign-in whose caller has left.
    async fn work_on_sign_in(
        &self,
        settlement: &mut Settlement,
        certainty: &mut Certainty,
        tried: u32,
        pause: &mut Duration,
    ) -> Delivered {
        let inner = &*self.inner;
        let began = inner.clock.now();
        let settled = match *certainty {
            Certainty::Certain => inner.finish_sign_in(settlement).await,
            Certainty::UnsureUntil(until) => {
                match inner.is_charged(settlement.failure.as_ref(), began).await {
                    Ok(charged @ (Charged::Perhaps | Charged::Yes)) => {
                        *certainty = Certainty::Certain;
                        settlement.is_doubtful = charged == Charged::Perhaps;
                        inner.finish_sign_in(settlement).await
                    }
                    Ok(Charged::NotYet) if began < until => {
                        *pause = LOOK_AGAIN;
                        return Delivered::Postponed;
                    }
                    Ok(Charged::No | Charged::NotYet) => return Delivered::Discarded,
                    Err(error) => {
                        *pause = LOOK_AGAIN;
                        Err(error)
                    }
                }
            }
        };
        let Err(error) = settled else { return Delivered::Sent };
        let failure = error.failure();
        let about = About::default().of(&settlement.tenant).failed(Some(&failure));
        inner.emit(EventKind::SignIn, Outcome::Error, about, began);
        let is_last = tried.saturating_add(1) >= SETTLEMENT_TRIES;
        if is_last { Delivered::Failed } else { Delivered::Postponed }
    }

    /// Tries once to send a notice that no outbox keeps.
    async fn work_on_queued(
        &self,
        sender: &impl EmailSender,
        queued: &QueuedNotice,
        certainty: &mut Certainty,
        tried: u32,
        pause: &mut Duration,
    ) -> Delivered {
        let inner = &*self.inner;
        let began = inner.clock.now();
        let about = notify::about(&queued.notice).reset(queued.reset);
        if let Certainty::UnsureUntil(until) = *certainty {
            match inner.has_happened(queued, began).await {
                Ok(true) => *certainty = Certainty::Certain,
                // The change has not happened, and its caller is gone. The time before the look
                // counts, because the change may have happened during the look.
                Ok(false) if began >= until => return Delivered::Discarded,
                Ok(false) => {
                    *pause = LOOK_AGAIN;
                    return Delivered::Postponed;
                }
                // Without an answer the notice stays, because the change may have happened.
                Err(error) => {
                    let failure = error.failure();
                    let about = about.failed(Some(&failure));
                    inner.emit(EventKind::Notify, Outcome::Error, about, began);
                    *pause = LOOK_AGAIN;
                    return Delivered::Postponed;
                }
            }
        }
        let mut told = inner.notify(sender, &queued.notice, tried).await;
        *pause = told.pause;
        if inner.queue.is_closed() && told.delivered == Delivered::Postponed {
            *pause = pause_after(tried);
            if tried.saturating_add(1) >= CLOSING_TRIES {
                (told.delivered, told.outcome) = (Delivered::Failed, Outcome::GivenUp);
            }
        }
        let about = About { account: Some(&queued.account), ..about };
        inner.emit(EventKind::Notify, told.outcome, told.describes(about), began);
        inner.audit_mail(EventKind::Notify, told.outcome, about, queued.notice.to.destination());
        told.delivered
    }

    /// Takes notices from the outbox and updates the tenants' totals. The courier calls it
    /// regularly.
    async fn round(&self, notices: usize) -> Vec<Notice> {
        let inner = &*self.inner;
        let now = inner.clock.now();
        let leased = inner.lease_notices(notices).await;
        if let Err(error) = inner.settle_tenants(now).await {
            let failure = Error::failure(&error);
            let about = About::default().failed(Some(&failure));
            inner.emit(EventKind::TenantTries, Outcome::Error, about, now);
        }
        leased
    }
}

/// The result of a job, and the room that the job keeps for a while.
struct Worked {
    delivered: Delivered,
    kept: Option<Kept>,
}

impl From<Delivered> for Worked {
    fn from(delivered: Delivered) -> Self {
        Self { delivered, kept: None }
    }
}

/// A job in hand. It goes back to the queue if the courier is dropped before the job ends.
struct InHand<'a> {
    inner: &'a Inner,
    job: Option<Job>,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        // The outbox keeps the notices that are leased from it.
        let kept = |job: &Job| !matches!(job.work, Work::Leased(_)) && job.unknown < UNKNOWN_TRIES;
        if let Some(job) = self.job.take().filter(kept) {
            self.inner.queue.push_after(job, Duration::ZERO, self.inner.clock.now());
        }
    }
}

/// The number of notices that one [`Courier::drain`] takes from the outbox.
const DRAINED_NOTICES: usize = 64;

/// The state of the last round, which looks after the outbox once no handle is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LastRound {
    Ahead,
    Begun,
}

/// A switch for the pauses that hide timing. `Natural` keeps them, and `Now` skips them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    Natural,
    Now,
}

/// Returns true if one of these futures has ended.
fn is_done<F: Future>(all: &mut FuturesUnordered<F>, context: &mut Context<'_>) -> bool {
    next(all, context).is_some()
}

/// Returns the result of the first of these futures that has ended.
fn next<F: Future>(all: &mut FuturesUnordered<F>, context: &mut Context<'_>) -> Option<F::Output> {
    match Pin::new(all).poll_next(context) {
        Poll::Ready(ended) => ended,
        Poll::Pending => None,
    }
}

/// Returns how long to wait after a failed try, given the number of tries before it.
fn pause_after(tried: u32) -> Duration {
    let doubled = PAUSE.saturating_mul(1_u32.checked_shl(tried).unwrap_or(u32::MAX));
    doubled.min(LONGEST_PAUSE)
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "courier_interleavings_tests.rs"]
mod interleavings;
