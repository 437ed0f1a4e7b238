//! A code store whose writes come late.

use std::{sync::Mutex, time::Duration};

use async_trait::async_trait;
use sspr::{
    adapters::{ManualClock, MemoryCodes},
    domain::{RecordId, Timestamp},
    ports::{Clock as _, CodeStore, StoreError, StoreErrorKind},
    store::{Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, Swapped},
};

/// Answers one write of a record as if nobody knew whether it has happened. It happens while the
/// courier looks for it.
#[derive(Default)]
pub struct Late {
    codes: MemoryCodes,
    /// The write that is to come. A test that takes it lets it never happen.
    pub write: Mutex<Option<(Record, u64)>>,
    /// The clock of a test that waits for a look.
    pub looks_at: Mutex<Option<ManualClock>>,
    /// How long the look takes.
    pub takes: Mutex<Duration>,
}

impl Late {
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

    async fn attempt(&self, id: &RecordId, now: Timestamp) -> Result<Attempted, StoreError> {
        self.codes.attempt(id, now).await
    }

    async fn load(&self, id: &RecordId) -> Result<Option<Loaded>, StoreError> {
        let loaded = self.codes.load(id).await;
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
