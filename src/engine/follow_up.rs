//! What must follow a write: ready before the write, and left to the courier if the caller goes away.

use core::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};
use std::sync::Arc;

use crate::{
    domain::Instant,
    ports::{NoticeDelivery, Outbox, StoreError, StoreErrorKind},
};

use super::{
    queue::{Certainty, Job},
    sspr::Inner,
};

/// How long the courier waits for a write to show, once its caller has left.
const PATIENCE: Duration = Duration::from_secs(60);

/// Jobs that follow one write.
///
/// The caller says what became of the write. If it is dropped before that, or if the store could not
/// say, the jobs go to the courier, which looks whether the write has happened.
#[derive(Debug)]
#[must_use = "dropping it leaves the jobs to the courier"]
pub(super) struct FollowUp {
    inner: Arc<Inner>,
    jobs: Vec<Job>,
    due: Instant,
}

impl FollowUp {
    pub(super) const fn new(inner: Arc<Inner>, jobs: Vec<Job>, due: Instant) -> Self {
        Self { due, inner, jobs }
    }

    pub(super) const fn is_empty(&self) -> bool {
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
        for job in self.jobs.drain(..) {
            self.inner.queue.push(Job { certainty, ..job }, self.due);
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

/// What is known of the user store: whether it queues notices in its own transaction.
#[derive(Debug, Default)]
pub(super) struct Outboxes {
    queued: AtomicBool,
    not_queued: AtomicBool,
}

impl Outboxes {
    /// Takes note of what a change has answered.
    pub(super) fn note(&self, notice: NoticeDelivery) {
        match notice {
            NoticeDelivery::Queued => self.queued.store(true, Ordering::Relaxed),
            NoticeDelivery::NotQueued => self.not_queued.store(true, Ordering::Relaxed),
        }
    }

    /// Whether changes queue their notices in the store, as far as this process has seen. Before the
    /// first one a service that has an outbox takes it that they do.
    pub(super) fn are_used(&self, outbox: Option<&Arc<dyn Outbox>>) -> bool {
        let queued = self.queued.load(Ordering::Relaxed) || outbox.is_some();
        queued && !self.not_queued.load(Ordering::Relaxed)
    }
}
