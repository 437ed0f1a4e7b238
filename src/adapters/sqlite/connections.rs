//! The two connections to a database file, each on its own thread.

use std::path::Path;

use super::{
    schema,
    worker::{Mode, Worker},
};
use crate::ports::{StoreError, StoreErrorKind};

#[derive(Debug)]
pub(super) struct Connections {
    pub(super) writer: Worker,
    pub(super) reader: Worker,
}

impl Connections {
    /// Opens the file. Blocks the thread.
    pub(super) fn open(path: &Path, bytes: u64) -> Result<Self, StoreError> {
        let writer = schema::writer(path, bytes)?;
        let reader = schema::reader(path)?;
        Ok(Self {
            reader: Worker::spawn(reader, Mode::Read).map_err(|_| no_thread())?,
            writer: Worker::spawn(writer, Mode::Write).map_err(|_| no_thread())?,
        })
    }
}

pub(super) fn no_thread() -> StoreError {
    StoreError::new(StoreErrorKind::Busy, "sqlite: no thread could be started; try again")
}
