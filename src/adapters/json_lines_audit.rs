//! An audit log that writes lines of JSON.

use std::{
    io::Write,
    sync::{Arc, Mutex, PoisonError},
};

use async_trait::async_trait;

use crate::ports::{AuditLog, AuditRecord, StoreError, StoreErrorKind};

/// Writes each audit record as one line of JSON, for a file or a pipe that a log collector reads.
///
/// A line has the shape of a `directoryAudit` of Microsoft Graph
/// ([`AuditRecord::to_directory_audit`]). Writing blocks the thread of the courier, so give it a
/// writer that is fast, such as a file. It is flushed after each batch. The log can only be written:
/// [`HelpDesk::audit_trail`](crate::engine::HelpDesk::audit_trail) answers `None`.
///
/// After a failure the courier writes the same records again. A line that was written before the
/// failure is there twice, with one `id`. Half a line may be left as well, and a reader must skip it.
///
/// # Examples
/// ```
/// use sspr::adapters::JsonLinesAudit;
///
/// let folder = tempfile::tempdir()?;
/// let path = folder.path().join("audit.jsonl");
/// let file = std::fs::File::options().create(true).append(true).open(path)?;
/// let log = JsonLinesAudit::new(file);
/// # Ok::<(), std::io::Error>(())
/// ```
pub struct JsonLinesAudit<W>(Arc<Mutex<Lines<W>>>);

struct Lines<W> {
    writer: W,
    /// True after a failure, which may have left half a line.
    is_broken: bool,
}

impl<W: Write + Send> JsonLinesAudit<W> {
    /// Writes to this writer.
    #[must_use]
    pub fn new(writer: W) -> Self {
        Self(Arc::new(Mutex::new(Lines { is_broken: false, writer })))
    }
}

impl<W> Clone for JsonLinesAudit<W> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<W> core::fmt::Debug for JsonLinesAudit<W> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("JsonLinesAudit(…)")
    }
}

#[async_trait]
impl<W: Write + Send> AuditLog for JsonLinesAudit<W> {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let lines: String =
            records.iter().map(|record| record.to_directory_audit() + "\n").collect();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A new line ends what a failure has left, so that the next record is readable.
        let lines = if kept.is_broken { format!("\n{lines}") } else { lines };
        let writer = &mut kept.writer;
        let written = writer.write_all(lines.as_bytes()).and_then(|()| writer.flush());
        kept.is_broken = written.is_err();
        written.map_err(|error| {
            StoreError::new(StoreErrorKind::Unknown, format!("audit log: {error}"))
        })
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::{
        domain::Timestamp,
        ports::{AuditId, EventKind, Outcome},
    };

    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    /// A writer that takes ten bytes and fails, and then works.
    #[derive(Default)]
    struct Half(Vec<u8>);

    impl Write for Half {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            match self.0.len() {
                0 => {
                    self.0.extend_from_slice(&bytes[..10]);
                    Ok(10)
                }
                10 if bytes[0] != b'\n' => Err(std::io::ErrorKind::StorageFull.into()),
                _ => {
                    self.0.extend_from_slice(bytes);
                    Ok(bytes.len())
                }
            }
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_comes_after_half_a_line_is_readable() {
        let log = JsonLinesAudit::new(Half::default());
        let records = [record(1)];
        assert!(log.append(&records).now_or_never().unwrap().is_err());
        log.append(&records).now_or_never().unwrap().unwrap();
        let text = String::from_utf8(log.0.lock().unwrap().writer.0.clone()).unwrap();
        let last = text.lines().last().unwrap();
        assert!(serde_json::from_str::<serde_json::Value>(last).is_ok(), "{text}");
    }

    fn record(id: u8) -> AuditRecord {
        let id = AuditId::from_bytes([id; 16]);
        AuditRecord::new(id, Timestamp::from_micros(0), EventKind::Open, Outcome::Ok)
    }

    #[test]
    fn each_record_is_one_line_and_a_full_disk_is_an_error() {
        let log = JsonLinesAudit::new(Vec::new());
        let records = [record(1), record(2)];
        log.append(&records).now_or_never().unwrap().unwrap();
        let text = String::from_utf8(log.0.lock().unwrap().writer.clone()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 2);
        for line in lines {
            let value: serde_json::Value = serde_json::from_str(line).unwrap();
            assert_eq!(value["category"], "UserManagement");
        }

        let error = JsonLinesAudit::new(Full).append(&records).now_or_never().unwrap().unwrap_err();
        assert!(error.to_string().contains("audit log: "), "{error}");
    }
}
