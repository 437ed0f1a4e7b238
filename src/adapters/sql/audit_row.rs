//! An audit record as a row: columns to search by, and the record itself as JSON.

use core::time::Duration;

use crate::{
    domain::Timestamp,
    ports::{AuditRecord, StoreError, StoreErrorKind},
};

/// How long an audit log keeps a record, unless the host says otherwise: 90 days.
pub(crate) const RETENTION: Duration = Duration::from_secs(90 * 24 * 3600);

/// The row of one record.
pub(crate) struct AuditRow {
    pub(crate) id: [u8; 16],
    pub(crate) at: i64,
    pub(crate) tenant: Option<String>,
    pub(crate) account: Option<String>,
    pub(crate) subject: Option<[u8; 16]>,
    pub(crate) reset: Option<[u8; 24]>,
    pub(crate) record: String,
}

impl AuditRow {
    pub(crate) fn new(record: &AuditRecord) -> Result<Self, StoreError> {
        Ok(Self {
            account: record.account.as_ref().map(ToString::to_string),
            at: record.at.as_micros(),
            id: record.id.to_bytes(),
            record: serde_json::to_string(record).map_err(|error| corrupt(&error))?,
            reset: record.reset.map(|reset| *reset.as_bytes()),
            subject: record.subject.map(|subject| subject.to_bytes()),
            tenant: record.tenant.as_ref().map(ToString::to_string),
        })
    }
}

/// Reads the JSON of a row.
pub(crate) fn read_audit_record(json: &str) -> Result<AuditRecord, StoreError> {
    serde_json::from_str(json).map_err(|error| corrupt(&error))
}

/// Returns the time before which a record is too old.
pub(crate) fn audit_ends(now: Timestamp, retention: Duration) -> i64 {
    let micros = i64::try_from(retention.as_micros()).unwrap_or(i64::MAX);
    now.as_micros().saturating_sub(micros)
}

fn corrupt(error: &serde_json::Error) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, format!("audit log: a record is not valid: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_kept_for_ninety_days() {
        assert_eq!(RETENTION.as_secs(), 7_776_000);
    }
}
