//! The user stores that queue notices in the transaction of a password change.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError},
};

use crate::{
    domain::TenantTag,
    ports::{NoticeDelivery, Outbox},
    sync::Mutex,
};

/// The tenants for which it is known whether the user store queues notices in its own transaction.
#[derive(Debug, Default)]
pub(super) struct Outboxes(Mutex<HashMap<TenantTag, NoticeDelivery>>);

impl Outboxes {
    /// Records the answer of a change. An answer of `NotQueued` is never forgotten.
    pub(super) fn note(&self, tenant: TenantTag, notice: NoticeDelivery) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.entry(tenant).or_insert(notice);
        if notice == NoticeDelivery::NotQueued {
            *before = notice;
        }
    }

    /// Returns true if every change of this tenant so far has queued its notices in the store.
    /// Before the first change, a service with an outbox assumes that its store does.
    pub(super) fn always_queue(&self, tenant: TenantTag, outbox: Option<&Arc<dyn Outbox>>) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.get(&tenant) {
            Some(notice) => *notice == NoticeDelivery::Queued,
            None => outbox.is_some(),
        }
    }
}
