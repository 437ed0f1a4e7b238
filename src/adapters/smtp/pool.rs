//! The threads that own the connections, and the queue in front of them.

use std::{
    collections::VecDeque,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, PoisonError},
    time::Duration,
};

use super::{attempt::Attempt, connection::Connection, job::Job, server::Server, session::Session};
use crate::{
    ports::{SendError, SendErrorKind},
    sync::{Condvar, Mutex, MutexGuard, thread},
};

/// The number of messages that may wait for a connection.
const QUEUE: usize = 256;
/// The most threads, and thus connections, including those that wait for a long time.
const MOST: usize = 64;
/// The time that a connection is kept for the next message.
const IDLE: Duration = Duration::from_secs(30);

/// The threads of one sender. They end when it is dropped.
pub(super) struct Pool(pub(super) Arc<Shared>);

/// The state that callers and threads share.
pub(super) struct Shared {
    server: Server,
    state: Mutex<State>,
    arrived: Condvar,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Job>,
    threads: usize,
    /// The number of threads that look for a message or are about to.
    idle: usize,
    /// The number of threads that have waited for the server for a long time.
    lagging: usize,
    /// The attempts after the final dot whose callers have left.
    left: Vec<Arc<Attempt>>,
    is_closed: bool,
}

/// The next step of a thread.
enum Turn {
    Serve(Job),
    End,
    Wait,
}

/// A guard that tells the attempt if its caller leaves. After the answer this changes nothing,
/// because the thread is done with the attempt.
pub(super) struct Caller {
    pool: Arc<Shared>,
    attempt: Arc<Attempt>,
}

impl Pool {
    pub(super) fn new(server: Server) -> Self {
        Self(Arc::new(Shared { arrived: Condvar::new(), server, state: Mutex::default() }))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.0.lock().is_closed = true;
        self.0.arrived.notify_all();
    }
}

impl Shared {
    /// Queues a message, and starts a thread if one more is allowed.
    pub(super) fn submit(self: &Arc<Self>, job: Job) -> Result<Caller, SendError> {
        let caller = Caller { attempt: job.attempt.clone(), pool: self.clone() };
        let mut state = self.lock();
        state.queue.retain(|job| !job.reply.is_canceled());
        if state.queue.len() >= QUEUE {
            let words = "smtp: too many messages wait for the server; it answers slowly";
            return Err(SendError::new(SendErrorKind::Transient, words));
        }
        state.queue.push_back(job);
        self.grow(&mut state);
        if state.threads == 0 {
            state.queue.pop_back();
            let words = "smtp: no thread can be started";
            return Err(SendError::new(SendErrorKind::Transient, words));
        }
        state.make_room();
        drop(state);
        self.arrived.notify_one();
        Ok(caller)
    }

    /// Records that a thread waits for a long time, and starts another one if it is needed.
    pub(super) fn lags(self: &Arc<Self>) {
        let mut state = self.lock();
        state.lagging += 1;
        self.grow(&mut state);
    }

    fn grow(self: &Arc<Self>, state: &mut State) {
        if state.lacks_thread(self.server.connections) {
            let worker = self.clone();
            let thread = thread::Builder::new().name("sspr-smtp".to_owned());
            if thread.spawn(move || worker.work()).is_ok() {
                state.threads += 1;
                state.idle += 1;
            }
        }
    }

    fn work(&self) {
        let mut kept: Option<Session<Connection>> = None;
        while let Some(job) = self.next() {
            // A panic, for instance in a host's source of tokens, fails only its own message.
            let delivered = catch_unwind(AssertUnwindSafe(|| job.serve(&self.server, &mut kept)));
            self.release(&job.attempt);
            match delivered {
                // The caller may be gone, and then the answer does not matter.
                Ok(answer) => drop(job.reply.send(answer)),
                Err(_) => kept = None,
            }
        }
        if let Some(session) = kept {
            session.quit();
        }
    }

    /// Returns the next message whose caller still waits. Returns `None` to end the thread, which
    /// no longer counts then.
    fn next(&self) -> Option<Job> {
        let mut state = self.lock();
        let mut waited_in_vain = false;
        loop {
            match state.turn(self.server.connections, waited_in_vain) {
                Turn::Serve(job) => return Some(job),
                Turn::End => {
                    // The notification that woke this thread may have been meant for another one.
                    self.arrived.notify_one();
                    return None;
                }
                Turn::Wait => {}
            }
            let waited = self.arrived.wait_timeout(state, IDLE);
            let (locked, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            (state, waited_in_vain) = (locked, waited.timed_out());
        }
    }

    /// Records that a thread is done with an attempt. It runs before the caller gets the answer, so
    /// that the caller's next message finds this thread.
    fn release(&self, attempt: &Arc<Attempt>) {
        let lagged = attempt.detach();
        let mut state = self.lock();
        state.idle += 1;
        state.left.retain(|left| !Arc::ptr_eq(left, attempt));
        if lagged {
            state.lagging -= 1;
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Returns true if a message waits, no thread looks for one, and one more thread is allowed.
    fn lacks_thread(&self, connections: usize) -> bool {
        self.queue.len() > self.idle && self.busy() < connections && self.threads < MOST
    }

    /// Decides what a thread does that looks for a message, and counts it accordingly.
    fn turn(&mut self, connections: usize, waited_in_vain: bool) -> Turn {
        let is_surplus = self.busy() > connections;
        while !is_surplus && let Some(job) = self.queue.pop_front() {
            if !job.reply.is_canceled() {
                self.idle -= 1;
                return Turn::Serve(job);
            }
        }
        if !is_surplus && !self.is_closed && !waited_in_vain {
            return Turn::Wait;
        }
        self.threads -= 1;
        self.idle -= 1;
        Turn::End
    }

    /// The number of threads that count towards the bound.
    const fn busy(&self) -> usize {
        self.threads.saturating_sub(self.lagging)
    }

    /// Ends the oldest connection whose caller has left, if a message waits and no further thread
    /// is allowed.
    fn make_room(&mut self) {
        let is_needed = self.queue.len() > self.idle && self.threads >= MOST;
        if is_needed && !self.left.is_empty() {
            self.left.remove(0).end();
        }
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let mut state = self.pool.lock();
        if self.attempt.leave() {
            state.left.push(self.attempt.clone());
            state.make_room();
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_channel::oneshot;

    use super::{
        super::{server::Security, session::Limits},
        *,
    };

    fn pool() -> Pool {
        Pool::new(Server {
            connections: 1,
            credentials: None,
            hello: "h".to_owned(),
            host: "127.0.0.1".to_owned(),
            limits: Limits::new(),
            port: 25,
            security: Security::None,
        })
    }

    #[test]
    fn a_thread_that_is_done_counts_as_idle_and_forgets_its_own_attempt_alone() {
        let attempts = [(); 2].map(|()| Arc::new(Attempt::new(|| ())));
        let pool = pool();
        {
            let mut state = pool.0.lock();
            (state.threads, state.lagging, state.left) = (2, 2, attempts.to_vec());
        }
        attempts[0].lags();
        pool.0.release(&attempts[0]);
        {
            let state = pool.0.lock();
            assert_eq!((state.idle, state.lagging, state.left.len()), (1, 1, 1));
            assert!(Arc::ptr_eq(&state.left[0], &attempts[1]));
        }

        pool.0.release(&attempts[1]);

        let state = pool.0.lock();
        assert_eq!((state.idle, state.lagging, state.left.len()), (2, 1, 0));
    }

    #[test]
    fn a_pool_that_is_dropped_is_closed_for_its_threads() {
        let pool = pool();
        let shared = pool.0.clone();
        assert!(!shared.lock().is_closed);
        drop(pool);
        assert!(shared.lock().is_closed);
    }

    /// A job, and the caller's end of it.
    fn job() -> (Job, oneshot::Receiver<Result<(), SendError>>) {
        let (reply, answer) = oneshot::channel();
        (Job { attempt: Arc::new(Attempt::new(|| ())), mail: None, reply, secrets: vec![] }, answer)
    }

    fn queue(jobs: usize) -> VecDeque<Job> {
        (0..jobs).map(|_| job().0).collect()
    }

    #[test]
    fn a_message_that_finds_no_room_is_refused_and_one_that_nobody_awaits_takes_none() {
        let pool = pool();
        // The only thread that is allowed is busy, so nothing leaves the queue.
        pool.0.lock().threads = 1;
        let (all, answers): (Vec<_>, Vec<_>) = (0..QUEUE).map(|_| job()).unzip();
        let callers: Vec<_> = all.into_iter().map(|job| pool.0.submit(job).ok().unwrap()).collect();

        let refused = pool.0.submit(job().0).err().unwrap();
        assert_eq!(refused.kind(), SendErrorKind::Transient);
        assert_eq!(pool.0.lock().queue.len(), QUEUE);

        drop((callers, answers));
        let (last, _answer) = job();
        assert!(pool.0.submit(last).is_ok());
        let state = pool.0.lock();
        assert_eq!((state.queue.len(), state.threads), (1, 1));
    }

    #[test]
    fn a_thread_is_started_for_a_message_that_no_thread_looks_for_within_the_bounds() {
        for (waiting, idle, threads, lagging, lacks) in [
            (1, 0, 0, 0, true),
            (0, 0, 0, 0, false),
            (1, 1, 1, 0, false),
            (2, 1, 1, 0, true),
            (1, 0, 1, 0, true),
            (1, 0, 2, 0, false),
            (1, 0, 2, 1, true),
            (1, 0, 3, 1, false),
            (1, 0, MOST - 1, MOST - 2, true),
            (1, 0, MOST, MOST - 1, false),
            (1, 0, MOST, MOST, false),
        ] {
            let state = State { idle, lagging, queue: queue(waiting), threads, ..State::default() };
            assert_eq!(state.lacks_thread(2), lacks, "{waiting} {idle} {threads} {lagging}");
        }
    }

    #[test]
    fn a_thread_serves_whoever_waits_and_ends_where_it_is_not_needed() {
        let turn = |threads, lagging, is_closed, waited_in_vain| {
            let mut state = State { idle: 2, is_closed, lagging, threads, ..State::default() };
            let turn = match state.turn(2, waited_in_vain) {
                Turn::Serve(_) => "serve",
                Turn::End => "end",
                Turn::Wait => "wait",
            };
            (turn, state.threads, state.idle)
        };
        assert_eq!(turn(2, 0, false, false), ("wait", 2, 2));
        assert_eq!(turn(2, 0, false, true), ("end", 1, 1));
        assert_eq!(turn(2, 0, true, false), ("end", 1, 1));
        assert_eq!(turn(3, 0, false, false), ("end", 2, 1));
        assert_eq!(turn(3, 1, false, false), ("wait", 3, 2));

        for (is_closed, waited_in_vain) in [(false, false), (false, true), (true, false)] {
            let (wanted, _answer) = job();
            let attempt = wanted.attempt.clone();
            // The first caller has left.
            let queue = VecDeque::from([job().0, wanted, job().0]);
            let mut state = State { idle: 2, is_closed, queue, threads: 2, ..State::default() };
            assert!(
                matches!(state.turn(2, waited_in_vain), Turn::Serve(job) if Arc::ptr_eq(&job.attempt, &attempt))
            );
            assert_eq!((state.threads, state.idle, state.queue.len()), (2, 1, 1));
        }
        // A thread too many leaves the message to the others.
        let (wanted, _answer) = job();
        let queue = VecDeque::from([wanted]);
        let mut state = State { idle: 1, queue, threads: 3, ..State::default() };
        assert!(matches!(state.turn(2, false), Turn::End));
        assert_eq!(state.queue.len(), 1);
    }

    #[test]
    fn the_oldest_connection_without_a_caller_makes_room_only_where_a_message_needs_it() {
        for (waiting, idle, threads, ends) in [
            (1, 0, MOST, true),
            (1, 0, MOST + 1, true),
            (1, 0, MOST - 1, false),
            (1, 1, MOST, false),
            (1, 2, MOST, false),
            (2, 1, MOST, true),
            (0, 0, MOST, false),
        ] {
            let left: Vec<_> = (0..2).map(|_| Arc::new(Attempt::new(|| ()))).collect();
            let queue = queue(waiting);
            let mut state = State { idle, left: left.clone(), queue, threads, ..State::default() };
            state.make_room();
            let kept = &left[usize::from(ends)..];
            assert_eq!(state.left.len(), kept.len(), "{waiting} {idle} {threads}");
            assert!(state.left.iter().zip(kept).all(|(one, other)| Arc::ptr_eq(one, other)));
        }
        // Nobody has left, so nothing is ended.
        let mut state = State { queue: queue(1), threads: MOST, ..State::default() };
        state.make_room();
        assert_eq!(state.left.len(), 0);
    }
}
