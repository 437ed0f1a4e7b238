//! A code store whose writes come late.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use crate::support::{World, cheap_hasher};
use async_trait::async_trait;
use sspr::{
    Courier, Sspr, TenantPolicy,
    adapters::{ManualClock, MemoryCodes, MemoryPolicies},
    domain::{RecordId, Timestamp},
    ports::{Clock as _, CodeStore, StoreError, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

/// Answers one write of a record as if nobody knew whether it has happened. It happens while the
/// courier looks for it.
#[derive(Default)]
pub struct Late {
    codes: MemoryCodes,
    /// The write that is to come.
    write: Mutex<Option<(Record, u64)>>,
    /// The clock of a test that waits for a look.
    looks_at: Mutex<Option<ManualClock>>,
    /// How long the look takes.
    pub takes: Mutex<Duration>,
}

/// A service and its courier over the accounts of a world.
pub fn service(world: &World) -> (Sspr, Courier, Arc<Late>) {
    let late = Arc::new(Late::default());
    let policies = MemoryPolicies::fixed(TenantPolicy::customers("contoso").unwrap());
    let users = world.users.in_memory();
    let (sspr, courier) = Sspr::builder(users, late.clone(), policies, world.keys.clone())
        .with_clock(world.clock.clone())
        .with_hasher(cheap_hasher())
        .build();
    (sspr, courier, late)
}

impl Late {
    /// Makes the next write wait for a look.
    pub fn waits(&self, world: &World) {
        *self.looks_at.lock().unwrap() = Some(world.clock.clone());
    }

    /// Whether the look has come, and the write with it.
    pub fn has_looked(&self) -> bool {
        self.looks_at.lock().unwrap().is_none()
    }

    /// Lets the write that waits never happen.
    pub fn forgets(&self) {
        *self.write.lock().unwrap() = None;
        *self.looks_at.lock().unwrap() = None;
    }

    /// Keeps the write for later, while a test waits for a look.
    fn keep(&self, record: &Record, version: u64) -> Result<(), StoreError> {
        if self.looks_at.lock().unwrap().is_none() {
            return Ok(());
        }
        *self.write.lock().unwrap() = Some((record.clone(), version));
        Err(StoreError::new(StoreErrorKind::Unknown, "the answer was lost"))
    }
}

#[async_trait]
impl CodeStore for Late {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.keep(record, 0)?;
        self.codes.insert(record, charges, now).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        self.codes.attempt(id, charges, now).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let loaded = self.codes.load(id, charges, now).await;
        let write = self.write.lock().unwrap().take();
        if let Some((record, version)) = write {
            let clock = self.looks_at.lock().unwrap().take().unwrap();
            if version == 0 {
                self.codes.insert(&record, &[], clock.now()).await?;
            } else {
                self.codes.compare_and_swap(&record, version, &[], &[], clock.now()).await?;
            }
            clock.advance(*self.takes.lock().unwrap());
        }
        loaded
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        self.keep(next, expected)?;
        self.codes.compare_and_swap(next, expected, charges, clear, now).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.codes.charge(charges, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.codes.delete_expired(now, limit).await
    }
}
