//! The audit log of a service, and the records that wait for it.

use core::{future::poll_fn, task::Poll};
use std::{
    collections::VecDeque,
    sync::{Arc, PoisonError},
};

use futures_util::task::AtomicWaker;

use super::audit_flood::{Flood, Refusal};
use crate::{
    domain::{EmailAddress, Keyring, Purpose, TenantId},
    ports::{AuditLog, AuditRecord, AuditSubject},
    sync::{Mutex, MutexGuard},
};

/// How many records may wait in memory. Newer ones are lost, and an event says how many.
const MOST_WAITING: usize = 10_000;
/// How many records are written at once.
const BATCH: usize = 256;

/// The audit log of a service, and the records that wait for it.
pub(super) struct Audit {
    pub(super) log: Arc<dyn AuditLog>,
    keeps_addresses: bool,
    waiting: Mutex<Waiting>,
    flood: Mutex<Flood>,
    fresh: AtomicWaker,
}

#[derive(Default)]
struct Waiting {
    records: VecDeque<AuditRecord>,
    /// How many records found no room.
    lost: u64,
}

/// Records that are being written. They go back to their place unless that succeeds.
pub(super) struct Batch<'a> {
    audit: &'a Audit,
    records: Vec<AuditRecord>,
}

impl Audit {
    pub(super) fn new(log: Arc<dyn AuditLog>, keeps_addresses: bool) -> Self {
        Self {
            flood: Mutex::new(Flood::default()),
            fresh: AtomicWaker::new(),
            keeps_addresses,
            log,
            waiting: Mutex::new(Waiting::default()),
        }
    }

    /// Adds a record, for the courier to write.
    pub(super) fn push(&self, record: AuditRecord) {
        {
            let mut waiting = self.lock();
            if waiting.records.len() < MOST_WAITING {
                waiting.records.push_back(record);
            } else {
                waiting.lost = waiting.lost.saturating_add(1);
            }
        }
        self.fresh.wake();
    }

    /// Adds the record of a call that did not succeed, unless too many like it came lately.
    pub(super) fn push_refusal(&self, mut record: AuditRecord, network: Option<[u8; 17]>) {
        let (kind, outcome) = (record.activity, record.outcome);
        let tenant = record.tenant.as_ref().map(TenantId::tag);
        let mut flood = self.flood.lock().unwrap_or_else(PoisonError::into_inner);
        let admitted = flood.admit(Refusal { kind, network, outcome, tenant }, record.at);
        drop(flood);
        if let Some(left_out) = admitted {
            record.left_out = Some(left_out).filter(|count| *count > 0);
            self.push(record);
        }
    }

    /// Returns how many records were lost or still wait, and forgets them.
    pub(super) fn give_up(&self) -> u64 {
        let mut waiting = self.lock();
        let count = u64::try_from(waiting.records.len()).unwrap_or(u64::MAX);
        waiting.records.clear();
        core::mem::take(&mut waiting.lost).saturating_add(count)
    }

    /// Describes who an address stands for, in a record.
    pub(super) fn describe(
        &self,
        record: &mut AuditRecord,
        tenant: &TenantId,
        address: &EmailAddress,
        keys: &Keyring,
    ) {
        record.subject = subjects(tenant, address, keys).next();
        record.address = self.keeps_addresses.then(|| address.as_str().to_owned());
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.lock().records.is_empty()
    }

    /// Takes the oldest records.
    pub(super) fn take(&self) -> Batch<'_> {
        let mut waiting = self.lock();
        let count = waiting.records.len().min(BATCH);
        Batch { audit: self, records: waiting.records.drain(..count).collect() }
    }

    /// Waits until a record waits.
    pub(super) async fn wait(&self) {
        poll_fn(|context| {
            self.fresh.register(context.waker());
            if self.is_empty() { Poll::Pending } else { Poll::Ready(()) }
        })
        .await;
    }
}

impl Batch<'_> {
    pub(super) fn records(&self) -> &[AuditRecord] {
        &self.records
    }

    /// Forgets the records, because they are written. Returns how many others were lost meanwhile.
    pub(super) fn written(mut self) -> u64 {
        self.records.clear();
        core::mem::take(&mut self.audit.lock().lost)
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        let mut waiting = self.audit.lock();
        for record in self.records.drain(..).rev() {
            waiting.records.push_front(record);
        }
    }
}

/// Returns the hashes of an address: one under the index key and, during a rotation, one under the
/// former key.
pub(super) fn subjects(
    tenant: &TenantId,
    address: &EmailAddress,
    keys: &Keyring,
) -> impl Iterator<Item = AuditSubject> {
    let text = address.as_str().to_lowercase();
    keys.indexes(Purpose::AuditSubject).map(move |fields| {
        AuditSubject::from_bytes(fields.tenant(tenant).text(&text).digest().head())
    })
}
