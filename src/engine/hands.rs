//! The hands of the courier. They bound how much work it begins at once, so that slow work does not
//! hold up later work.

use core::{
    future::Future,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use futures_util::future::{Either, select};

use super::{queue::Slot, rest::rest};
use crate::{domain::Timestamp, ports::Clock};

/// The time that work keeps its hand. Slower work goes on without one.
pub(super) const HELD: Duration = Duration::from_secs(1);

/// The hands for one kind of work.
#[derive(Debug)]
pub(super) struct Hands {
    all: usize,
    held: AtomicUsize,
}

/// One hand. It becomes free when it is dropped.
#[derive(Debug)]
pub(super) struct Held<'a>(&'a Hands);

impl Hands {
    pub(super) const fn new(all: usize) -> Self {
        Self { all, held: AtomicUsize::new(0) }
    }

    pub(super) fn free(&self) -> usize {
        self.all.saturating_sub(self.held.load(Ordering::Relaxed))
    }

    pub(super) fn take(&self) -> Held<'_> {
        self.held.fetch_add(1, Ordering::Relaxed);
        Held(self)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Held<'_> {
    /// Does the work to its end, and gives the hand back at the end or after [`HELD`].
    pub(super) async fn work<T>(self, clock: &dyn Clock, work: impl Future<Output = T>) -> T {
        let long_enough = Box::pin(rest(clock, clock.now().after(HELD)));
        match select(Box::pin(work), long_enough).await {
            Either::Left((done, _)) => done,
            Either::Right(((), unfinished)) => {
                drop(self);
                unfinished.await
            }
        }
    }
}

/// Room in the queue that stays taken after its work has ended.
#[derive(Debug)]
pub(super) struct Kept {
    pub(super) slot: Option<Slot>,
    pub(super) until: Timestamp,
}

impl Kept {
    pub(super) async fn rest(self, clock: &dyn Clock) {
        rest(clock, self.until).await;
        drop(self.slot);
    }
}
