//! A clock that stands still until a test moves it.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Poll, Waker},
    time::Duration,
};

use crate::{
    domain::Timestamp,
    ports::{Clock, Sleep},
};

/// A clock for tests and demonstrations. It moves only on command, forwards or backwards. Clones
/// share one time.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now: Timestamp,
    sleepers: Vec<Waker>,
}

impl ManualClock {
    /// Creates a clock that stands at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        Self(Arc::new(Mutex::new(State { now, sleepers: Vec::new() })))
    }

    /// Moves the clock forwards.
    pub fn advance(&self, duration: Duration) {
        let now = self.lock().now.after(duration);
        self.set(now);
    }

    /// Sets the clock, also backwards.
    pub fn set(&self, now: Timestamp) {
        let mut state = self.lock();
        state.now = now;
        let sleepers = std::mem::take(&mut state.sleepers);
        drop(state);
        sleepers.into_iter().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        self.lock().now
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep {
        let clock = self.clone();
        Box::pin(poll_fn(move |context| {
            let mut state = clock.lock();
            if state.now >= instant {
                return Poll::Ready(());
            }
            if !state.sleepers.iter().any(|waker| waker.will_wake(context.waker())) {
                state.sleepers.push(context.waker().clone());
            }
            Poll::Pending
        }))
    }
}
