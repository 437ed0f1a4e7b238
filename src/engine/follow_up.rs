//! What must follow a write: ready before the write, and left to the courier if the caller goes away.

use core::time::Duration;
use std::sync::Arc;

use crate::ports::{StoreError, StoreErrorKind};

use super::{
    queue::{Certainty, Job, PATIENCE},
    sspr::Inner,
};

/// Jobs that follow one write.
///
/// The caller says what became of the write. If it is dropped before that, or if the store could not
/// say, the jobs go to the courier, which looks whether the write has happened.
#[derive(Debug)]
#[must_use = "dropping it leaves the jobs to the courier"]
pub(super) struct FollowUp {
    inner: Arc<Inner>,
    jobs: Vec<Job>,
    delay: Duration,
}

impl FollowUp {
    /// The jobs are due `delay` after they go to the courier. An instant of the call would lie far
    /// ahead if the clock steps back before that.
    pub(super) const fn new(inner: Arc<Inner>, jobs: Vec<Job>, delay: Duration) -> Self {
        Self { delay, inner, jobs }
    }

    /// Whether nothing would follow the write.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// The write has happened.
    pub(super) fn confirm(mut self) {
        self.push(Certainty::Certain);
    }

    /// The write has not happened, or nothing needs to follow it.
    pub(super) fn withdraw(mut self) {
        self.jobs.clear();
    }

    /// The store has failed: unless the write may have happened all the same, nothing follows.
    pub(super) fn failed(self, error: &StoreError) {
        if error.kind() != StoreErrorKind::Unknown {
            self.withdraw();
        }
    }

    fn push(&mut self, certainty: Certainty) {
        let now = self.inner.clock.now();
        for job in self.jobs.drain(..) {
            self.inner.queue.push_after(Job { certainty, ..job }, self.delay, now);
        }
    }
}

impl Drop for FollowUp {
    fn drop(&mut self) {
        if self.jobs.is_empty() {
            return;
        }
        let until = self.inner.clock.now().after(PATIENCE);
        self.push(Certainty::UnsureUntil(until));
    }
}
