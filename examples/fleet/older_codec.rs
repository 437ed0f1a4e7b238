//! What an older release does, played by this one: it knows records up to version 2. A reset with a
//! code by SMS is of version 3, so it reads as a record of a newer release.

use sspr::{
    domain::{RecordId, Timestamp},
    ports::{CodeStore, StoreError},
    store::{
        Attempted, Charge, CounterName, Inserted, Loaded, Over, Record, StoredRecord, Swapped,
    },
};

/// The second byte of a body is its version.
const PLACE: usize = 1;
const BY_SMS: u8 = 3;
const UNKNOWN: u8 = u8::MAX;

pub struct OlderCodec<S>(pub S);

fn read(mut record: StoredRecord) -> StoredRecord {
    let version = record.body.get_mut(PLACE).filter(|version| **version == BY_SMS);
    version.into_iter().for_each(|version| *version = UNKNOWN);
    record
}

#[async_trait::async_trait]
impl<S: CodeStore> CodeStore for OlderCodec<S> {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        self.0.insert(record, charges, now).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        Ok(match self.0.attempt(id, charges, now).await? {
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
        Ok(match self.0.load(id, charges, now).await? {
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
        self.0.compare_and_swap(next, expected, charges, clear, now).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        self.0.charge(charges, now).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        self.0.delete_expired(now, limit).await
    }
}
