//! A reset as the code store has it.

use crate::{
    domain::{CodeFormat, RecordId, Timestamp},
    error::Error,
    flow::{CodecError, Reset, decode_reset},
    ports::StoredRecord,
};

use super::throttle::belongs;

/// A reset as it was read or written, with the details that a swap needs.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) id: RecordId,
    pub(super) version: u64,
    pub(super) tries: u32,
    pub(super) reset: Reset,
}

impl Stored {
    /// Reads a record. Returns `None` if it is expired.
    pub(super) fn alive(
        id: RecordId,
        record: &StoredRecord,
        now: Timestamp,
    ) -> Result<Option<Self>, Error> {
        let stored = Self::read(id, record)?;
        let dead = now.latest(stored.reset.touched_at) >= record.expires_at;
        Ok((!dead).then_some(stored))
    }

    /// Returns true if the code that ends at `sent` is not the latest one. A longer code, which the
    /// service sends on its own, replaces no code, because the client could not know about it.
    pub(super) fn has_replaced(&self, sent: Option<Timestamp>) -> bool {
        let latest = self.reset.sent.filter(|latest| latest.format == CodeFormat::Digits);
        sent.zip(latest).is_some_and(|(sent, latest)| latest.expires_at != sent)
    }

    /// Reads a record. The reset takes over the latest time that the store has seen.
    pub(super) fn read(id: RecordId, record: &StoredRecord) -> Result<Self, Error> {
        let mut reset = decode_reset(&record.body)?;
        reset.touched_at = reset.touched_at.latest(record.touched_at);
        if !belongs(&id, &reset.origin.tenant) {
            return Err(CodecError::Damaged.into());
        }
        Ok(Self { id, reset, tries: record.tries, version: record.version })
    }
}
