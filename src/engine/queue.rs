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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::NoticeId;

    const DUE: Instant = Instant::from_micros(1_000_000);

    fn queue(per_tenant: usize, in_all: usize) -> Arc<Queue> {
        Arc::new(Queue::new(Room { in_all, per_tenant }))
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn push(queue: &Arc<Queue>, name: &str, tried: u32, due: Instant) {
        let slot = queue.reserve(tenant("contoso").tag()).unwrap();
        let to = EmailAddress::parse("ada@x.example").unwrap();
        let notice = Notice::new(NoticeId(name.to_owned()), tenant("contoso"), to, DUE);
        queue.push(Job { correlation: None, slot, tried, work: Work::Notice(notice) }, due);
    }

    fn name(job: Option<Job>) -> Option<String> {
        let Work::Notice(notice) = job?.work else { panic!("only notices") };
        Some(notice.id.0)
    }

    #[test]
    fn jobs_of_one_moment_are_all_kept_in_the_order_they_came_and_not_taken_before() {
        let queue = queue(10, 10);
        for job in ["first", "second", "third"] {
            push(&queue, job, 0, DUE);
        }
        assert_eq!(queue.next_due(), Some(DUE));

        assert_eq!(name(queue.pop_due(Instant::from_micros(999_999))), None);
        for job in ["first", "second", "third"] {
            assert_eq!(name(queue.pop_due(DUE)).as_deref(), Some(job));
        }
        assert_eq!((name(queue.pop_due(DUE)), queue.next_due()), (None, None));
    }

    #[test]
    fn what_was_never_tried_is_fresh_before_it_is_due_and_what_was_tried_is_not() {
        let queue = queue(10, 10);
        push(&queue, "tried", 1, DUE);
        push(&queue, "fresh", 0, DUE);
        let before = Instant::from_micros(0);

        assert_eq!(name(queue.pop_fresh(before)).as_deref(), Some("fresh"));
        assert_eq!(name(queue.pop_fresh(before)), None);
        assert_eq!(name(queue.pop_fresh(DUE)).as_deref(), Some("tried"));
    }

    #[test]
    fn room_is_bounded_for_a_tenant_and_in_all_and_comes_back() {
        let queue = queue(2, 3);
        let take = |name| queue.reserve(tenant(name).tag());
        let held = [take("contoso"), take("contoso"), take("fabrikam")];
        assert!(held.iter().all(Option::is_some));
        assert_eq!(queue.depth(), 3);
        assert!(take("fabrikam").is_none(), "none left in all");

        let [first, second, other] = held;
        drop(first);
        assert_eq!(queue.depth(), 2);
        let first = take("contoso");
        assert!(first.is_some());
        drop(other);
        assert!(take("contoso").is_none(), "this tenant has two");

        drop((first, second));
        assert_eq!(queue.depth(), 0);
        assert!(queue.lock().held.is_empty(), "nothing is kept in mind");
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "queue_interleavings_tests.rs"]
mod interleavings;
