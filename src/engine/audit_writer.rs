//! The courier's work of writing the audit log.

use core::{future::pending, time::Duration};

use futures_util::future::{Either, select};

use crate::{
    domain::{Destination, Timestamp},
    error::Error,
    ports::{
        AuditId, AuditRecord, EventKind, Failure, FailureKind, Outcome, StoreError, StoreErrorKind,
    },
};

use super::{
    audit::Audit,
    rest::rest,
    sspr::{About, Inner},
};

/// The pause before the second try to write. Each further pause is twice as long.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// The number of tries once no handle is left.
const CLOSING_TRIES: u32 = 3;
/// How long the log may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

impl Inner {
    /// Writes audit records as they come, without end.
    pub(super) async fn write_audit(&self) {
        let Some(audit) = &self.audit else { return pending().await };
        let mut pause = PAUSE;
        loop {
            audit.wait().await;
            if self.write_batch(audit).await {
                pause = PAUSE;
            } else {
                rest(&*self.clock, self.clock.now().after(pause)).await;
                pause = pause.saturating_mul(2).min(LONGEST_PAUSE);
            }
        }
    }

    /// Writes the records that wait, because the courier ends. Gives up after a few tries.
    pub(super) async fn finish_audit(&self) {
        for _ in 1..CLOSING_TRIES {
            if self.flush_audit().await {
                return;
            }
            rest(&*self.clock, self.clock.now().after(PAUSE)).await;
        }
        self.flush_audit().await;
        if let Some(audit) = &self.audit {
            let began = self.clock.now();
            self.report_lost(audit.give_up(), "because the service has ended", began);
        }
    }

    /// Reports records that nobody will find in the log.
    fn report_lost(&self, lost: u64, why: &str, began: Timestamp) {
        if lost > 0 {
            let words = format!("{lost} records were lost, {why}");
            let failure = Failure::new(FailureKind::Audit, &words);
            let about = About::default().failed(Some(&failure));
            self.emit(EventKind::Audit, Outcome::GivenUp, about, began);
        }
    }

    /// Writes every record that waits now. Stops at the first failure, and returns `false` then.
    pub(super) async fn flush_audit(&self) -> bool {
        let Some(audit) = &self.audit else { return true };
        while !audit.is_empty() {
            if !self.write_batch(audit).await {
                return false;
            }
        }
        true
    }

    /// Writes some records. Returns whether the log has kept them.
    async fn write_batch(&self, audit: &Audit) -> bool {
        let batch = audit.take();
        let began = self.clock.now();
        if let Err(error) = self.append_audit(audit, batch.records()).await {
            let failure = error.failure();
            let about = About::default().failed(Some(&failure));
            self.emit(EventKind::Audit, Outcome::FailedForNow, about, began);
            return false;
        }
        self.report_lost(batch.written(), "because too many waited", began);
        true
    }

    /// Adds records to the log, and waits for its answer for ten seconds at most.
    ///
    /// # Errors
    /// The log has not kept the records, or nobody knows.
    pub(super) async fn append_audit(
        &self,
        audit: &Audit,
        records: &[AuditRecord],
    ) -> Result<(), Error> {
        let limit = Box::pin(rest(&*self.clock, self.clock.now().after(PATIENCE)));
        let answer = match select(audit.log.append(records), limit).await {
            Either::Left((answer, _)) => answer,
            Either::Right(_) => {
                let words = "audit log: no answer within ten seconds; see whether it is down";
                Err(StoreError::new(StoreErrorKind::Unknown, words))
            }
        };
        answer.map_err(Error::of_audit)
    }

    /// Records one try to send a message. An address is recorded as the log is told to, and a number
    /// never.
    pub(super) fn audit_mail(
        &self,
        kind: EventKind,
        outcome: Outcome,
        about: About<'_>,
        to: Destination<'_>,
    ) {
        let Some((audit, mut record)) = self.audit_record(kind, outcome, self.clock.now()) else {
            return;
        };
        record.account = about.account.cloned();
        record.correlation = about.correlation.cloned();
        record.reset = about.reset;
        record.tenant = about.tenant.cloned();
        if let (Some(tenant), Destination::Email(to)) = (about.tenant, to) {
            audit.describe(&mut record, tenant, to, &self.keys);
        }
        audit.push(record);
    }

    /// Makes a record, or `None` if there is no audit log. Without randomness there is no id, and no
    /// call has succeeded either.
    pub(super) fn audit_record(
        &self,
        kind: EventKind,
        outcome: Outcome,
        at: Timestamp,
    ) -> Option<(&Audit, AuditRecord)> {
        let audit = self.audit.as_ref()?;
        let mut bytes = [0; 16];
        self.entropy.fill(&mut bytes).ok()?;
        Some((audit, AuditRecord::new(AuditId::from_bytes(bytes), at, kind, outcome)))
    }
}
