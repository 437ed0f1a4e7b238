//! Port: the audit log.

mod directory;
mod record;

use async_trait::async_trait;

use super::StoreError;
use crate::domain::{AccountId, TenantId, Timestamp};

pub use record::{AuditId, AuditRecord, AuditSubject};

/// A log of who did what to which account, for a security team.
///
/// An [`EventSink`](super::EventSink) gets what operators need, and never learns who was behind a
/// call. This log gets the account, the network address and the reason of staff as well. It is off
/// until the host adds one with [`Builder::with_audit_log`](crate::engine::Builder::with_audit_log).
///
/// The courier writes the log, so that no caller waits for it. Only an action of the help desk waits,
/// because it is recorded before it is done.
///
/// ```
/// use sspr::ports::{AuditLog, AuditRecord, StoreError};
///
/// struct Mine; // for example the client of a log service
///
/// #[async_trait::async_trait]
/// impl AuditLog for Mine {
///     async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
///         for record in records {
///             // The shape of Entra's directory audits, one line each.
///             let line = record.to_directory_audit();
///             # let _ = line;
///         }
///         Ok(())
///     }
/// }
/// ```
///
/// The suite `audit_log_conformance!` (feature `conformance`) tests a log that can be looked up. Its
/// bench is told the retention of a log that deletes
/// (`AuditLogBench::with_retention`).
///
/// # Security
/// A record never contains a code, a token or a password. It contains personal data, so show it only
/// to people who may read such data, and delete it in time.
#[async_trait]
pub trait AuditLog: Send + Sync {
    /// Adds records. All of them are kept, or the call fails.
    ///
    /// A record may come again, because the courier repeats a call that has failed. A log that can look
    /// up ids keeps it once. An answer is awaited for ten seconds; then the call counts as failed.
    ///
    /// # Errors
    /// [`StoreError`]. The records wait in memory, and the courier calls again.
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError>;

    /// Finds the newest records about an account, the newest first. Of records of one moment, the one
    /// that was appended last comes first. `None`: the log can only be written, which is the default.
    ///
    /// # Errors
    /// [`StoreError`].
    async fn about(
        &self,
        question: &AuditQuestion,
    ) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        let _ = question;
        Ok(None)
    }

    /// Removes at most `limit` records that are older than the log's retention, the oldest first, and
    /// returns how many it has removed. A record that is exactly as old stays.
    /// [`Sspr::sweep`](crate::Sspr::sweep) calls it. The default removes none.
    ///
    /// # Errors
    /// [`StoreError`]. A repeated call is harmless.
    async fn delete_old(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let _ = (now, limit);
        Ok(0)
    }
}

/// The question for the records about one account.
///
/// A record is about the account if it names the account or one of the subjects. So is every other
/// record of the same reset in that tenant. A wrong code, for example, may name nobody itself.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AuditQuestion {
    /// The tenant.
    pub tenant: TenantId,
    /// The account.
    pub account: AccountId,
    /// The keyed hashes of the addresses on file.
    pub subjects: Vec<AuditSubject>,
    /// The most records that are wanted.
    pub most: usize,
}

impl AuditQuestion {
    /// Asks for the records that name the account itself.
    #[must_use]
    pub const fn new(tenant: TenantId, account: AccountId, most: usize) -> Self {
        Self { account, most, subjects: Vec::new(), tenant }
    }

    /// Returns whether a record names the account or one of the subjects.
    #[must_use]
    pub fn is_named_in(&self, record: &AuditRecord) -> bool {
        let has_subject = |subject: &AuditSubject| self.subjects.contains(subject);
        record.tenant.as_ref() == Some(&self.tenant)
            && (record.account.as_ref() == Some(&self.account)
                || record.subject.as_ref().is_some_and(has_subject))
    }
}
