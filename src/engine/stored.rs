//! A reset as the code store has it.

use crate::{
    domain::RecordId,
    error::Error,
    flow::{CodecError, Reset, decode_reset},
    ports::Loaded,
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
    /// Reads a record. The reset takes over the latest time that the store has seen.
    pub(super) fn read(id: RecordId, loaded: &Loaded) -> Result<Self, Error> {
        let mut reset = decode_reset(&loaded.body)?;
        reset.touched_at = reset.touched_at.latest(loaded.touched_at);
        if !belongs(&id, &reset.origin.tenant) {
            return Err(CodecError::Damaged.into());
        }
        Ok(Self { id, reset, tries: loaded.tries, version: loaded.version })
    }
}
