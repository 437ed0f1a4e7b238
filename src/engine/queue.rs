//! Mails that wait: in memory, bounded, a number of slots for each tenant.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError},
    task::Waker,
};

use crate::{
    domain::{CorrelationId, EmailAddress, Instant, RecordId, TenantId, TenantTag},
    mail::EmailMessage,
    ports::Notice,
    sync::{Mutex, MutexGuard},
};

use super::throttle::Lane;

/// The jobs that wait for the courier.
#[derive(Debug)]
pub(super) struct Queue {
    room: Room,
    state: Mutex<State>,
}

/// How many jobs may wait or be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) per_tenant: usize,
    pub(super) in_all: usize,
}

#[derive(Debug, Default)]
struct State {
    /// By due time, then by arrival.
    jobs: BTreeMap<(Instant, u64), Job>,
    arrivals: u64,
    held: HashMap<TenantTag, usize>,
    held_in_all: usize,
    closed: bool,
    waker: Option<Waker>,
}

/// One mail to be made, sent or discarded.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    /// How often it was tried.
    pub(super) tried: u32,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) slot: Slot,
}

#[derive(Debug)]
pub(super) enum Work {
    /// The code of one send.
    Passcode(Passcode),
    /// The notice of a changed password, which no outbox keeps.
    Notice(Notice),
}

/// The code of one send.
#[derive(Debug)]
pub(super) struct Passcode {
    pub(super) tenant: TenantId,
    pub(super) reset: RecordId,
    /// Which send of the reset.
    pub(super) number: u32,
    /// What was typed: decides which account is looked up, never where the mail goes.
    pub(super) address: EmailAddress,
    /// Whose counters it draws on.
    pub(super) lane: Lane,
    /// The finished mail, once the code is bound.
    pub(super) ready: Option<Ready>,
}

/// A finished mail.
#[derive(Debug)]
pub(super) enum Ready {
    /// For an account.
    Send(Box<EmailMessage>),
    /// For nobody.
    Discard,
}

/// Room for one job, given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    queue: Arc<Queue>,
    tenant: TenantTag,
}

impl Queue {
    pub(super) fn new(room: Room) -> Self {
        Self { room, state: Mutex::default() }
    }

    /// Takes room for one job; `None` if the tenant or the process has none left.
    pub(super) fn reserve(self: &Arc<Self>, tenant: TenantTag) -> Option<Slot> {
        let mut state = self.lock();
        if state.held_in_all >= self.room.in_all {
            return None;
        }
        let held = state.held.entry(tenant).or_default();
        if *held >= self.room.per_tenant {
            return None;
        }
        *held += 1;
        state.held_in_all += 1;
        drop(state);
        Some(Slot { queue: self.clone(), tenant })
    }

    /// Queues a job that is due at `due`.
    pub(super) fn push(&self, job: Job, due: Instant) {
        let mut state = self.lock();
        let arrival = state.arrivals;
        state.arrivals += 1;
        state.jobs.insert((due, arrival), job);
        wake(state);
    }

    /// Takes the first job that is due by `now`.
    pub(super) fn pop_due(&self, now: Instant) -> Option<Job> {
        let mut state = self.lock();
        let first = state.jobs.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Takes the first job that was never tried, due or not, or one that is due.
    pub(super) fn pop_fresh(&self, now: Instant) -> Option<Job> {
        let mut state = self.lock();
        let key = state.jobs.iter().find(|((due, _), job)| job.tried == 0 || *due <= now);
        let key = *key?.0;
        state.jobs.remove(&key)
    }

    /// When the next job is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        self.lock().jobs.keys().next().map(|(due, _)| *due)
    }

    /// Wakes this task at the next push, or when the queue is closed.
    pub(super) fn watch(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    /// Says that nobody can push any more.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Jobs that wait or are under way.
    pub(super) fn depth(&self) -> usize {
        self.lock().held_in_all
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn wake(mut state: MutexGuard<'_, State>) {
    let waker = state.waker.take();
    drop(state);
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl Default for Room {
    fn default() -> Self {
        Self { in_all: 10_000, per_tenant: 1_000 }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut state = self.queue.lock();
        state.held_in_all = state.held_in_all.saturating_sub(1);
        if let Some(held) = state.held.get_mut(&self.tenant) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                state.held.remove(&self.tenant);
            }
        }
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "queue_interleavings_tests.rs"]
mod interleavings;
