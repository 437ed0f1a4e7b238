//! What the next release will do, played by this one: records of version 2, which are those of version
//! 1 with another number. Shows that two releases run side by side while one replaces the other.

use sspr::{
    domain::{RecordId, Timestamp},
    ports::{CodeStore, StoreError},
    store::{
        Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, StoredRecord, Swapped,
    },
};

/// The second byte of a body is its version.
const PLACE: usize = 1;

pub struct NewerCodec<S> {
    store: S,
    /// Whether it writes the newer version already, or only reads it.
    writes: bool,
}

impl<S> NewerCodec<S> {
    pub fn new(store: S, writes: bool) -> Self {
        Self { store, writes }
    }

    fn written(&self, record: &Record) -> Record {
        let mut record = record.clone();
        if self.writes {
            record.body.iter_mut().skip(PLACE).take(1).for_each(|version| *version = 2);
        }
        record
    }
}

fn read(mut record: StoredRecord) -> StoredRecord {
    record.body.iter_mut().skip(PLACE).take(1).for_each(|version| *version = 1);
    record
}

#[async_trait::async_trait]
impl<S: CodeStore> CodeStore for NewerCodec<S> {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.store.insert(&self.written(record), charges, now).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        Ok(match self.store.attempt(id, charges, now).await? {
            Attempted::Charged { record, over } => {
                Attempted::Charged { over, record: read(record) }
            }
            other => other,
        })
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        Ok(match self.store.load(id, charges, now).await? {
            Loaded::Found(record) => Loaded::Found(read(record)),
            other => other,
        })
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let next = self.written(next);
        self.store.compare_and_swap(&next, expected, charges, clear, now).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.store.charge(charges, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.store.delete_expired(now, limit).await
    }
}
