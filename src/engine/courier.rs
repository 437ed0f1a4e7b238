//! The courier: everything that depends on an account happens here, off the request path.

use core::{
    future::poll_fn,
    pin::{Pin, pin},
    task::Poll,
    time::Duration,
};
use std::sync::Arc;

use futures_util::stream::{FuturesUnordered, Stream};

use crate::{
    domain::Instant,
    ports::{EmailSender, EventKind, Outcome, Sleep},
};

use super::{
    deliver::Delivered,
    queue::{Job, Work},
    sspr::{About, Inner},
};

/// Mails under way at the same time.
const HANDS: usize = 32;
/// How often the outbox and the tenants' totals are looked after.
const ROUND: Duration = Duration::from_secs(5);
/// Pause before the second try of a mail; each further one is twice as long.
const PAUSE: Duration = Duration::from_secs(2);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Tries of a notice that no outbox keeps; a passcode is tried while its code lives.
const NOTICE_TRIES: u32 = 12;

/// Makes and sends the mails: looks accounts up, evaluates policy, draws codes, binds and sends.
///
/// Spawn [`Courier::run`] on any runtime, or call [`Courier::drain`] where there is none. Waiting
/// mails live in this process's memory: a crash loses the mail, never the reset, and the person
/// asks for another code.
#[derive(Debug)]
#[must_use = "without its courier running no mail is sent"]
pub struct Courier {
    inner: Arc<Inner>,
}

/// What [`Courier::drain`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Drained {
    /// Mails handed over.
    pub sent: usize,
    /// Mails made for nobody, and thrown away.
    pub discarded: usize,
    /// Mails that will be tried again.
    pub postponed: usize,
    /// Mails given up.
    pub failed: usize,
}

impl Courier {
    pub(super) const fn over(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// Sends mails until the last [`Sspr`](super::Sspr) handle is gone and nothing waits.
    ///
    /// Dropping the future stops it between two steps: mails that were not handed over are lost,
    /// resets are not.
    pub async fn run(self, sender: impl EmailSender + 'static) {
        let (inner, sender) = (&*self.inner, &sender);
        let mut under_way = FuturesUnordered::new();
        let mut next_round = inner.clock.now();
        let mut pause: Option<(Instant, Sleep)> = None;
        loop {
            let now = inner.clock.now();
            if now >= next_round {
                self.round(sender, now).await;
                next_round = now.after(ROUND);
            }
            while under_way.len() < HANDS {
                let Some(job) = inner.queue.pop_due(now) else { break };
                under_way.push(self.work(sender, job, Haste::Natural));
            }
            if inner.queue.is_closed() && under_way.is_empty() && inner.queue.next_due().is_none() {
                self.round(sender, now).await;
                return;
            }
            let due = inner.queue.next_due().filter(|_| under_way.len() < HANDS);
            let wake_at = due.map_or(next_round, |due| due.min(next_round));
            if pause.as_ref().is_none_or(|(until, _)| *until != wake_at) {
                pause = Some((wake_at, inner.clock.sleep_until(wake_at)));
            }
            poll_fn(|context| {
                // Watch first: what is pushed from here on wakes this task.
                inner.queue.watch(context.waker());
                let fresh = inner.queue.next_due().is_some_and(|next| next < wake_at);
                let done =
                    !under_way.is_empty() && Pin::new(&mut under_way).poll_next(context).is_ready();
                let rested = pause
                    .as_mut()
                    .is_some_and(|(_, sleep)| sleep.as_mut().poll(context).is_ready());
                if rested {
                    pause = None;
                }
                let has_hands = under_way.len() < HANDS;
                let over = inner.queue.is_closed()
                    && under_way.is_empty()
                    && inner.queue.next_due().is_none();
                if done || rested || (fresh && has_hands) || over {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
        }
    }

    /// Handles every mail that waits now, without the pauses that hide timing, and returns. For
    /// tests, and for hosts that send after the reply in the same process.
    ///
    /// A mail that fails for now is tried once and kept for the next call.
    pub async fn drain(&self, sender: &impl EmailSender) -> Drained {
        let mut drained = self.round(sender, self.inner.clock.now()).await;
        while let Some(job) = self.inner.queue.pop_fresh(self.inner.clock.now()) {
            drained.count(self.work(sender, job, Haste::Now).await);
        }
        drained
    }

    async fn work(&self, sender: &impl EmailSender, job: Job, haste: Haste) -> Delivered {
        let inner = &*self.inner;
        let Job { mut work, tried, correlation, slot } = job;
        let began = inner.clock.now();
        let delivered = match &mut work {
            Work::Passcode(passcode) => {
                let (delivered, outcome) =
                    inner.deliver(sender, passcode, correlation.as_ref()).await;
                let about = About {
                    correlation: correlation.as_ref(),
                    reset: Some(passcode.reset),
                    tenant: Some(&passcode.tenant),
                };
                inner.emit(EventKind::Deliver, outcome, about, inner.clock.now());
                delivered
            }
            Work::Notice(notice) => {
                let (delivered, outcome) = inner.notify(sender, notice).await;
                let about = About { correlation: correlation.as_ref(), ..About::default() };
                inner.emit(EventKind::Notify, outcome, about.of(&notice.tenant), began);
                if delivered == Delivered::Postponed && tried + 1 >= NOTICE_TRIES {
                    Delivered::Failed
                } else {
                    delivered
                }
            }
        };
        match delivered {
            Delivered::Postponed => {
                let pause = PAUSE.saturating_mul(1_u32.checked_shl(tried).unwrap_or(u32::MAX));
                let due = inner.clock.now().after(pause.min(LONGEST_PAUSE));
                let job = Job { correlation, slot, tried: tried.saturating_add(1), work };
                inner.queue.push(job, due);
            }
            // A decoy keeps its slot as long as a mail would.
            Delivered::Discarded if haste == Haste::Natural => {
                let lasts = inner.pace.get();
                pin!(inner.clock.sleep_until(began.after(lasts))).await;
                drop(slot);
            }
            Delivered::Sent if haste == Haste::Natural => {
                inner.pace.set(inner.clock.now().since(began));
            }
            Delivered::Discarded | Delivered::Failed | Delivered::Sent => {}
        }
        delivered
    }

    /// What is done now and then: the outbox, and the tenants' totals.
    async fn round(&self, sender: &impl EmailSender, now: Instant) -> Drained {
        let inner = &*self.inner;
        let mut drained = Drained::default();
        for delivered in inner.empty_outbox(sender, now).await {
            drained.count(delivered);
        }
        if inner.settle_tenants(now).await.is_err() {
            inner.emit(EventKind::TenantTries, Outcome::Error, About::default(), now);
        }
        drained
    }
}

/// Whether pauses that hide timing are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    Natural,
    Now,
}

impl Drained {
    const fn count(&mut self, delivered: Delivered) {
        match delivered {
            Delivered::Discarded => self.discarded += 1,
            Delivered::Failed => self.failed += 1,
            Delivered::Postponed => self.postponed += 1,
            Delivered::Sent => self.sent += 1,
        }
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "courier_interleavings_tests.rs"]
mod interleavings;
