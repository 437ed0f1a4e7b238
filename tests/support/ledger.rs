//! Ports whose calls are counted.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use async_trait::async_trait;
use sspr::{
    adapters::{MemoryCodes, MemoryUsers},
    domain::{Account, AccountId, EmailAddress, RecordId, TenantId, Timestamp},
    ports::{Applied, CodeStore, PasswordChange, StoreError, UserStore},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

/// A code store that counts its calls and what lies in it.
#[derive(Clone, Default)]
pub struct Ledger(Arc<Kept>);

#[derive(Default)]
struct Kept {
    codes: MemoryCodes,
    calls: AtomicUsize,
    finds: AtomicUsize,
    records: Mutex<HashMap<RecordId, usize>>,
}

impl Ledger {
    /// Records as bodies, 24 bytes of id and 49 for each charge of a try; counters as name, value
    /// and end.
    pub fn bytes(&self) -> usize {
        let records: usize = self.0.records.lock().unwrap().values().sum();
        records + self.entries().1 * (CounterName::BYTES + 4 + 8)
    }

    /// Records and counters.
    pub fn entries(&self) -> (usize, usize) {
        let usage = self.0.codes.usage();
        (usage.records, usage.counters)
    }

    /// Calls and look-ups since the last time.
    pub fn take(&self) -> (usize, usize) {
        (self.0.calls.swap(0, Ordering::Relaxed), self.0.finds.swap(0, Ordering::Relaxed))
    }

    fn wrote(&self, record: &Record) {
        let size = record.body.len() + 24 + record.charges.len() * 49;
        self.0.records.lock().unwrap().insert(record.id, size);
    }

    fn called(&self) -> &MemoryCodes {
        self.0.calls.fetch_add(1, Ordering::Relaxed);
        &self.0.codes
    }
}

#[async_trait]
impl CodeStore for Ledger {
    async fn insert(
        &self,
        r: &Record,
        c: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let inserted = self.called().insert(r, c, now).await?;
        if inserted == Inserted::Inserted {
            self.wrote(r);
        }
        Ok(inserted)
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.called().attempt(id, charges, now).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        self.called().load(id, charges, now).await
    }

    async fn compare_and_swap(
        &self,
        r: &Record,
        expected: u64,
        c: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let swapped = self.called().compare_and_swap(r, expected, c, clear, now).await?;
        if matches!(swapped, Swapped::Swapped { .. }) {
            self.wrote(r);
        }
        Ok(swapped)
    }

    async fn charge(&self, c: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.called().charge(c, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.codes.delete_expired(now, limit).await
    }
}

/// The users, with look-ups counted.
pub struct Finds(pub MemoryUsers, pub Ledger);

impl Finds {
    fn called(&self) -> &MemoryUsers {
        self.1.0.finds.fetch_add(1, Ordering::Relaxed);
        &self.0
    }
}

#[async_trait]
impl UserStore for Finds {
    async fn find_by_address(
        &self,
        tenant: &TenantId,
        address: &EmailAddress,
    ) -> Result<Vec<Account>, StoreError> {
        self.called().find_by_address(tenant, address).await
    }

    async fn find(&self, t: &TenantId, id: &AccountId) -> Result<Option<Account>, StoreError> {
        self.called().find(t, id).await
    }

    async fn apply_change(&self, change: &PasswordChange) -> Result<Applied, StoreError> {
        self.called().apply_change(change).await
    }
}
