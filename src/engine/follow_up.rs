//! Jobs that must follow a write. They are ready before the write, and go to the courier if the
//! caller goes away.

use core::time::Duration;
use std::sync::Arc;

use crate::{
    error::Error,
    ports::{StoreError, StoreErrorKind},
};

use super::{
    queue::{Certainty, Job, PATIENCE},
    sspr::Inner,
};

/// The jobs that follow one write.
///
/// The caller says whether the write has happened. If it is dropped before that, or if the store
/// could not say, the jobs go to the courier. The courier then looks whether the write has
/// happened.
#[derive(Debug)]
#[must_use = "dropping it leaves the jobs to the courier"]
pub(super) struct FollowUp {
    inner: Arc<Inner>,
    jobs: Vec<Job>,
    delay: Duration,
}

impl FollowUp {
    /// Prepares jobs that are due `delay` after they go to the courier. A fixed due time would lie
    /// far ahead if the clock steps back before that.
    pub(super) const fn new(inner: Arc<Inner>, jobs: Vec<Job>, delay: Duration) -> Self {
        Self { delay, inner, jobs }
    }

    /// Returns true if no job would follow the write.
    pub(super) fn is_empty(&self) -> bool {
        self.jobs.is_empty()
    }

    /// Queues the jobs, because the write has happened.
    pub(super) fn confirm(mut self) {
        self.push(Certainty::Certain);
    }

    /// Drops the jobs, because the write has not happened or nothing needs to follow it.
    pub(super) fn withdraw(mut self) {
        self.jobs.clear();
    }

    /// Drops the jobs after a failure of the store, unless the write may have happened
    /// nevertheless.
    pub(super) fn failed(self, error: &StoreError) {
        if error.kind() != StoreErrorKind::Unknown {
            self.withdraw();
        }
    }

    /// Settles the jobs by the result of a call. They are dropped after an error, unless the write may
    /// have happened nevertheless.
    pub(super) fn settle<T>(
        self,
        result: &Result<T, Error>,
        has_happened: impl FnOnce(&T) -> bool,
    ) {
        match result {
            Ok(answer) if has_happened(answer) => self.confirm(),
            Err(error) if error.is_unknown() => drop(self),
            Ok(_) | Err(_) => self.withdraw(),
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
