//! The jobs that wait for the courier. They are in memory, and each tenant has a bounded number of
//! slots.

use core::{fmt, time::Duration};
use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, PoisonError},
    task::Waker,
};

use crate::{
    domain::{
        AccountId, CorrelationId, Digest, EmailAddress, RecordId, TenantId, TenantTag, Timestamp,
    },
    flow::Sent,
    mail::{EmailMessage, TextMessage},
    ports::{Failure, Limit, Notice, Outcome},
    sync::{Mutex, MutexGuard},
};

use super::{rest::has_stepped_back, settlement::Settlement, stored::Stored, throttle::Lane};

/// The time that the courier waits for a write to show after its caller has left.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// The jobs that wait for the courier.
pub(super) struct Queue {
    room: Room,
    state: Mutex<State>,
}

/// The number of jobs of one kind that may wait or be under way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) per_tenant: usize,
    pub(super) in_all: usize,
}

/// The kinds of jobs. Each kind has its own room, so that no kind delays another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A mail with a code.
    Passcode,
    /// A mail that tells of a changed password.
    Notice,
    /// A sign-in whose caller has left.
    Settlement,
}

#[derive(Debug, Default)]
struct State {
    passcodes: Waiting,
    notices: Waiting,
    settlements: Waiting,
    arrivals: u64,
    /// The latest time at which a job came.
    seen: Timestamp,
    closed: bool,
    waker: Option<Waker>,
}

/// Jobs of one kind.
#[derive(Debug, Default)]
struct Waiting {
    /// The jobs, ordered by due time and then by arrival.
    jobs: BTreeMap<(Timestamp, u64), Job>,
    held: HashMap<TenantTag, usize>,
    held_in_all: usize,
}

/// One piece of work for the courier.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) work: Work,
    /// The number of tries so far.
    pub(super) tried: u32,
    /// The number of tries that may have handed the mail over, although no answer came.
    pub(super) unknown: u32,
    pub(super) certainty: Certainty,
    pub(super) correlation: Option<CorrelationId>,
    pub(super) slot: Option<Slot>,
}

/// The knowledge whether the write before a job has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Certainty {
    /// The write has happened.
    Certain,
    /// The caller left, or the store's answer was lost. The courier looks for the write, and drops
    /// the job if the write has not shown by this time.
    UnsureUntil(Timestamp),
}

#[derive(Debug)]
pub(super) enum Work {
    /// The code of one send.
    Passcode(Passcode),
    /// The notice of a changed password, which no outbox keeps.
    Notice(QueuedNotice),
    /// A notice that is leased from the outbox.
    Leased(Notice),
    /// A sign-in whose caller has left.
    Settlement(Box<Settlement>),
}

/// The code of one send, and the mail that brings it.
#[derive(Debug)]
pub(super) struct Passcode {
    pub(super) tenant: TenantId,
    pub(super) reset: RecordId,
    /// The send as it was written into the reset.
    pub(super) sent: Sent,
    /// The typed address. It decides which account is looked up. For a frozen account, it also
    /// decides to which recovery address the mail goes.
    pub(super) address: EmailAddress,
    /// The account that was found, for the audit log.
    pub(super) account: Option<AccountId>,
    /// The lane whose counters the mail draws on.
    pub(super) lane: Lane,
    /// Whether the send is written together with its reset. Before that, there is no record.
    pub(super) begins: bool,
    /// The reset as its send was written, so that the first try need not read it.
    pub(super) written: Option<Box<Stored>>,
    /// The finished mail, as soon as its code is bound.
    pub(super) ready: Option<Ready>,
    /// The last code that was drawn. It may be bound if the store's answer was lost.
    pub(super) drawn: Option<Drawn>,
    /// Earlier codes that may be bound for the same reason.
    pub(super) earlier: Vec<Drawn>,
    /// The reason why the last try to hand the mail over failed.
    pub(super) failure: Option<Failure>,
    /// The limit that has kept the mail back.
    pub(super) limit: Option<Limit>,
}

/// A code that may be bound, and its mail.
#[derive(Debug)]
pub(super) struct Drawn {
    /// The digest that the record holds if this code is bound.
    pub(super) digest: Digest,
    pub(super) ready: Ready,
    pub(super) outcome: Outcome,
}

/// A notice that no outbox keeps, and the change that it tells of.
#[derive(Debug)]
pub(super) struct QueuedNotice {
    pub(super) account: AccountId,
    /// The reset that changed the account last before this change.
    pub(super) before: Option<RecordId>,
    pub(super) reset: RecordId,
    pub(super) notice: Notice,
}

/// A finished mail.
#[derive(Debug)]
pub(super) enum Ready {
    /// A mail for an account.
    Mail(Box<EmailMessage>),
    /// A text message for an account.
    Text(Box<TextMessage>),
    /// The message of a decoy, which is thrown away.
    Discard,
}

/// Room for one job. It is given back when dropped.
#[derive(Debug)]
pub(super) struct Slot {
    queue: Arc<Queue>,
    kind: Kind,
    tenant: TenantTag,
}

impl Queue {
    pub(super) fn new(room: Room) -> Self {
        Self { room, state: Mutex::default() }
    }

    /// Takes room for one job. Returns `None` if the tenant or the process has no room left.
    pub(super) fn reserve(self: &Arc<Self>, kind: Kind, tenant: TenantTag) -> Option<Slot> {
        let mut state = self.lock();
        let waiting = state.of(kind);
        if waiting.held_in_all >= self.room.in_all {
            return None;
        }
        let held = waiting.held.entry(tenant).or_default();
        if *held >= self.room.per_tenant {
            return None;
        }
        *held += 1;
        waiting.held_in_all += 1;
        drop(state);
        Some(Slot { kind, queue: self.clone(), tenant })
    }

    /// Queues a job that is due `delay` after `now`.
    pub(super) fn push_after(&self, job: Job, delay: Duration, now: Timestamp) {
        {
            let mut state = self.lock();
            state.seen = state.seen.latest(now);
        }
        self.push(job, now.after(delay));
    }

    /// Returns the latest time at which a job came, or `seen` if that is later.
    pub(super) fn latest(&self, seen: Timestamp) -> Timestamp {
        self.lock().seen.latest(seen)
    }

    /// Queues a job that is due at `due`.
    pub(super) fn push(&self, job: Job, due: Timestamp) {
        let mut state = self.lock();
        let arrival = state.arrivals;
        state.arrivals += 1;
        state.of(job.work.kind()).jobs.insert((due, arrival), job);
        wake(state);
    }

    /// Takes the first job of a kind that is due by `now`.
    pub(super) fn pop_due(&self, kind: Kind, now: Timestamp) -> Option<Job> {
        let mut state = self.lock();
        let first = state.of(kind).jobs.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// Takes the first job of a kind that was never tried or that is due.
    pub(super) fn pop_fresh(&self, kind: Kind, now: Timestamp) -> Option<Job> {
        let mut state = self.lock();
        let jobs = &mut state.of(kind).jobs;
        let key = *jobs.iter().find(|((due, _), job)| job.tried == 0 || *due <= now)?.0;
        jobs.remove(&key)
    }

    /// Returns the time at which the next job of a kind is due.
    pub(super) fn next_due(&self, kind: Kind) -> Option<Timestamp> {
        self.lock().of(kind).jobs.keys().next().map(|(due, _)| *due)
    }

    /// Returns true if no job waits.
    pub(super) fn is_empty(&self) -> bool {
        let state = self.lock();
        let State { passcodes, notices, settlements, .. } = &*state;
        [passcodes, notices, settlements].into_iter().all(|waiting| waiting.jobs.is_empty())
    }

    /// Brings every due time forward if the clock has stepped back. Returns whether it has.
    ///
    /// The comparison is with `seen` or with the time at which the last job came, whichever is
    /// later.
    pub(super) fn follow_clock(&self, seen: Timestamp, now: Timestamp) -> bool {
        let latest = self.latest(seen);
        let stepped = has_stepped_back(latest, now);
        if stepped {
            self.step_back(latest, now);
        }
        stepped
    }

    /// Brings every due time forward by as much as the clock has stepped back, so that no job waits
    /// too long.
    fn step_back(&self, from: Timestamp, to: Timestamp) {
        let by = from.since(to);
        let mut state = self.lock();
        state.seen = to;
        for kind in Kind::ALL {
            let waiting = state.of(kind);
            let jobs = std::mem::take(&mut waiting.jobs).into_iter();
            // A job that came after the last look at `from` may lie further ahead than `by`.
            let furthest = to.after(kind.longest_pause());
            let sooner = |((due, arrival), job): ((Timestamp, u64), Job)| {
                ((due.before(by).min(furthest), arrival), job.sooner(to))
            };
            waiting.jobs = jobs.map(sooner).collect();
        }
        wake(state);
    }

    /// Drops the unconfirmed notices of earlier calls for a reset, because its change now has its
    /// own notices.
    pub(super) fn forget_unsure_notices(&self, reset: RecordId) {
        let mut forgotten = Vec::new();
        let mut state = self.lock();
        let jobs = std::mem::take(&mut state.notices.jobs);
        for (key, job) in jobs {
            let is_its = matches!(&job.work, Work::Notice(queued) if queued.reset == reset);
            if is_its && job.certainty != Certainty::Certain {
                forgotten.push(job);
            } else {
                state.notices.jobs.insert(key, job);
            }
        }
        drop(state);
        // Drop them only after the lock is released, because their slots lock the queue.
        drop(forgotten);
    }

    /// Makes every notice due, because the service ends and no notice may wait long any more.
    pub(super) fn hurry_notices(&self, now: Timestamp) {
        let mut state = self.lock();
        let jobs = std::mem::take(&mut state.notices.jobs).into_iter();
        state.notices.jobs = jobs.map(|((_, arrival), job)| ((now, arrival), job)).collect();
    }

    /// Wakes this task at the next push, or when the queue is closed.
    pub(super) fn watch(&self, waker: &Waker) {
        self.lock().waker = Some(waker.clone());
    }

    /// Closes the queue, because no handle is left that could push a job.
    pub(super) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        wake(state);
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }

    /// Returns the number of mails that wait or are under way.
    pub(super) fn depth(&self) -> usize {
        let state = self.lock();
        state.passcodes.held_in_all + state.notices.held_in_all
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A poisoned lock is safe, because every change is complete before anything can panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn of(&mut self, kind: Kind) -> &mut Waiting {
        match kind {
            Kind::Passcode => &mut self.passcodes,
            Kind::Notice => &mut self.notices,
            Kind::Settlement => &mut self.settlements,
        }
    }
}

impl Kind {
    pub(super) const ALL: [Self; 3] = [Self::Passcode, Self::Notice, Self::Settlement];

    /// The longest ordinary pause between two tries. A notice that may have arrived can pause
    /// longer.
    pub(super) const fn longest_pause(self) -> Duration {
        match self {
            Self::Passcode | Self::Settlement => Duration::from_secs(60),
            Self::Notice => Duration::from_secs(3600),
        }
    }
}

impl Job {
    /// Limits the wait for the write to [`PATIENCE`] from `now`, because the job may have come
    /// after the clock's step.
    fn sooner(self, now: Timestamp) -> Self {
        let certainty = match self.certainty {
            Certainty::Certain => Certainty::Certain,
            Certainty::UnsureUntil(until) => Certainty::UnsureUntil(until.min(now.after(PATIENCE))),
        };
        Self { certainty, ..self }
    }
}

impl Work {
    pub(super) const fn kind(&self) -> Kind {
        match self {
            Self::Passcode(_) => Kind::Passcode,
            Self::Notice(_) | Self::Leased(_) => Kind::Notice,
            Self::Settlement(_) => Kind::Settlement,
        }
    }
}

impl Job {
    /// Creates a job that was not tried yet, and whose write is known to have happened.
    pub(super) const fn new(
        work: Work,
        correlation: Option<CorrelationId>,
        slot: Option<Slot>,
    ) -> Self {
        Self { certainty: Certainty::Certain, correlation, slot, tried: 0, unknown: 0, work }
    }
}

impl fmt::Debug for Queue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Queue(…)")
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
        let waiting = state.of(self.kind);
        waiting.held_in_all = waiting.held_in_all.saturating_sub(1);
        if let Some(held) = waiting.held.get_mut(&self.tenant) {
            *held = held.saturating_sub(1);
            if *held == 0 {
                waiting.held.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::NoticeId;

    const DUE: Timestamp = Timestamp::from_micros(1_000_000);

    fn queue(per_tenant: usize, in_all: usize) -> Arc<Queue> {
        Arc::new(Queue::new(Room { in_all, per_tenant }))
    }

    fn tenant(name: &str) -> TenantId {
        TenantId::parse(name).unwrap()
    }

    fn push(queue: &Arc<Queue>, name: &str, tried: u32, due: Timestamp) {
        let slot = queue.reserve(Kind::Notice, tenant("contoso").tag());
        assert!(slot.is_some());
        let to = EmailAddress::parse("ada@x.example").unwrap();
        let notice = Notice::new(NoticeId(name.to_owned()), tenant("contoso"), to, DUE);
        let account = AccountId::parse("ada").unwrap();
        let reset = RecordId::from_parts(tenant("contoso").tag(), [1; 16]);
        let work = Work::Notice(QueuedNotice { account, before: None, notice, reset });
        queue.push(Job { tried, ..Job::new(work, None, slot) }, due);
    }

    fn name(job: Option<Job>) -> Option<String> {
        let Work::Notice(notice) = job?.work else { panic!("only notices") };
        Some(notice.notice.id.0)
    }

    #[test]
    fn jobs_of_one_moment_are_all_kept_in_the_order_they_came_and_not_taken_before() {
        let queue = queue(10, 10);
        for job in ["first", "second", "third"] {
            push(&queue, job, 0, DUE);
        }
        assert_eq!(queue.next_due(Kind::Notice), Some(DUE));

        assert_eq!(name(queue.pop_due(Kind::Notice, Timestamp::from_micros(999_999))), None);
        for job in ["first", "second", "third"] {
            assert_eq!(name(queue.pop_due(Kind::Notice, DUE)).as_deref(), Some(job));
        }
        assert_eq!(
            (name(queue.pop_due(Kind::Notice, DUE)), queue.next_due(Kind::Notice)),
            (None, None)
        );
    }

    #[test]
    fn what_was_never_tried_is_fresh_before_it_is_due_and_what_was_tried_is_not() {
        let queue = queue(10, 10);
        push(&queue, "tried", 1, DUE);
        push(&queue, "fresh", 0, DUE);
        let before = Timestamp::from_micros(0);

        assert_eq!(name(queue.pop_fresh(Kind::Notice, before)).as_deref(), Some("fresh"));
        assert_eq!(name(queue.pop_fresh(Kind::Notice, before)), None);
        assert_eq!(name(queue.pop_fresh(Kind::Notice, DUE)).as_deref(), Some("tried"));
    }

    #[test]
    fn a_step_of_the_clock_brings_every_due_time_and_every_patience_forward() {
        let queue = queue(10, 10);
        push(&queue, "one", 0, DUE);
        push(&queue, "two", 0, DUE.after(Duration::from_micros(5)));
        let mut job = queue.pop_due(Kind::Notice, DUE).unwrap();
        job.certainty = Certainty::UnsureUntil(DUE.after(PATIENCE));
        queue.push(job, DUE);

        queue.step_back(DUE, Timestamp::from_micros(0));

        let job = queue.pop_due(Kind::Notice, Timestamp::from_micros(0)).unwrap();
        let until = Timestamp::from_micros(0).after(PATIENCE);
        assert_eq!(job.certainty, Certainty::UnsureUntil(until));
        assert_eq!(queue.next_due(Kind::Notice), Some(Timestamp::from_micros(5)));
    }

    #[test]
    fn notices_are_hurried_in_their_order_and_codes_are_not() {
        let queue = queue(10, 10);
        push(&queue, "late", 3, DUE.after(Duration::from_secs(3600)));
        push(&queue, "early", 1, DUE);

        queue.hurry_notices(Timestamp::from_micros(0));

        let hurried =
            ["late", "early"].map(|_| queue.pop_due(Kind::Notice, Timestamp::from_micros(0)));
        assert_eq!(hurried.map(name), ["late", "early"].map(|it| Some(it.to_owned())));
    }

    #[test]
    fn each_kind_of_work_has_room_of_its_own() {
        let queue = queue(1, 1);
        let tag = tenant("contoso").tag();
        let held = Kind::ALL.map(|kind| queue.reserve(kind, tag));

        assert!(held.iter().all(Option::is_some));
        assert!(Kind::ALL.iter().all(|kind| queue.reserve(*kind, tag).is_none()));
        assert_eq!(queue.depth(), 2, "abandoned sign-ins are no mails");
    }

    #[test]
    fn room_is_bounded_for_a_tenant_and_in_all_and_comes_back() {
        let queue = queue(2, 3);
        let take = |name| queue.reserve(Kind::Notice, tenant(name).tag());
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
        assert!(queue.lock().notices.held.is_empty(), "nothing is kept in mind");
    }
}

#[cfg(sspr_loom)]
#[cfg(test)]
#[path = "queue_interleavings_tests.rs"]
mod interleavings;
