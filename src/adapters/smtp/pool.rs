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

/// A guard that tells the attempt if its caller leaves before the answer.
pub(super) struct Caller(Option<(Arc<Shared>, Arc<Attempt>)>);

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
        let caller = Caller(Some((self.clone(), job.attempt.clone())));
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
        let is_needed = state.queue.len() > state.idle;
        let busy = state.threads.saturating_sub(state.lagging);
        if is_needed && busy < self.server.connections && state.threads < MOST {
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
        loop {
            let busy = state.threads.saturating_sub(state.lagging);
            let is_surplus = busy > self.server.connections;
            while !is_surplus && let Some(job) = state.queue.pop_front() {
                if !job.reply.is_canceled() {
                    state.idle -= 1;
                    return Some(job);
                }
            }
            if is_surplus || state.is_closed {
                // The notification that woke this thread may have been meant for another one.
                self.arrived.notify_one();
                return state.end_thread();
            }
            let waited = self.arrived.wait_timeout(state, IDLE);
            let (locked, waited) = waited.unwrap_or_else(PoisonError::into_inner);
            state = locked;
            if waited.timed_out() && state.queue.is_empty() {
                return state.end_thread();
            }
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
    fn end_thread(&mut self) -> Option<Job> {
        self.threads -= 1;
        self.idle -= 1;
        None
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

impl Caller {
    /// Disarms the guard, because the caller has its answer.
    pub(super) fn stays(mut self) {
        self.0 = None;
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        let Some((shared, attempt)) = self.0.take() else { return };
        let mut state = shared.lock();
        if attempt.leave() {
            state.left.push(attempt);
            state.make_room();
        }
    }
}

#[cfg(test)]
mod tests {
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

    #[test]
    fn a_thread_that_ends_is_counted_no_more() {
        let mut state = State { idle: 2, threads: 3, ..State::default() };
        assert!(state.end_thread().is_none());
        assert_eq!((state.idle, state.threads), (1, 2));
    }
}
