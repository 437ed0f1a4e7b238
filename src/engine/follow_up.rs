//! What must follow a write: ready before the write, and left to the courier if the caller goes away.

use core::time::Duration;
use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use crate::{
    domain::TenantTag,
    ports::{NoticeDelivery, Outbox, StoreError, StoreErrorKind},
    sync::Mutex,
};

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

/// What is known of the user store: of which tenants it queues notices in its own transaction.
#[derive(Debug, Default)]
pub(super) struct Outboxes(Mutex<HashMap<TenantTag, NoticeDelivery>>);

impl Outboxes {
    /// Takes note of what a change has answered. One that was not queued is never forgotten.
    pub(super) fn note(&self, tenant: TenantTag, notice: NoticeDelivery) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.entry(tenant).or_insert(notice);
        if notice == NoticeDelivery::NotQueued {
            *before = notice;
        }
    }

    /// Whether every change of this tenant so far has queued its notices in the store. Before the
    /// first change, a service that has an outbox takes it that its store does.
    pub(super) fn always_queue(&self, tenant: TenantTag, outbox: Option<&Arc<dyn Outbox>>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&tenant) {
            Some(notice) => *notice == NoticeDelivery::Queued,
            None => outbox.is_some(),
        }
    }
}
