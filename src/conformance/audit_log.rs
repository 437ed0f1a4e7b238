//! The suite for audit logs that can be looked up: what was appended is found, by whom it concerns.

use core::time::Duration;
use std::sync::Arc;

use super::{
    case_result::{CaseResult, Violation, same},
    clauses,
    user_bench::tenant,
};
use crate::{
    domain::{
        AccountId, ActorId, ApplicationId, CorrelationId, RecordId, StaffReason, TenantId,
        Timestamp, UserAgent, UserFlowId,
    },
    ports::{AuditId, AuditLog, AuditQuestion, AuditRecord, AuditSubject, EventKind, Outcome},
};

clauses! {
    /// One clause of the audit log's contract.
    AuditLogCase over AuditLogBench;
    /// Makes one test for each clause of the audit log's contract. The argument is a function from
    /// [`AuditLogCase`](crate::conformance::AuditLogCase) to
    /// [`CaseResult`](crate::conformance::CaseResult).
    audit_log_conformance;
    in self:
        a_record_is_found_as_it_was_appended
        a_record_that_is_appended_again_is_kept_once
        a_batch_is_kept_as_a_whole
        the_newest_records_come_first_and_no_more_than_wanted
        of_records_of_one_moment_the_one_appended_last_comes_first
        a_record_of_another_account_is_not_found
        a_record_of_another_tenant_is_not_found
        a_record_of_a_subject_is_found_without_an_account
        the_records_of_a_reset_belong_together
        an_account_without_records_has_none
        nothing_recent_is_deleted
        what_is_too_old_is_deleted_up_to_the_limit;
}

/// An audit log under test. Each case needs a fresh and empty one.
#[derive(Clone)]
pub struct AuditLogBench {
    log: Arc<dyn AuditLog>,
    retention: Option<Duration>,
}

impl core::fmt::Debug for AuditLogBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("AuditLogBench")
    }
}

impl AuditLogBench {
    /// Creates a bench for a log that never deletes a record.
    #[must_use]
    pub fn new(log: impl AuditLog + 'static) -> Self {
        Self { log: Arc::new(log), retention: None }
    }

    /// Says how long the log keeps a record.
    #[must_use]
    pub const fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = Some(retention);
        self
    }

    async fn about(&self, question: &AuditQuestion) -> Result<Vec<AuditRecord>, Violation> {
        let found = self.log.about(question).await?;
        found.ok_or_else(|| Violation::new("the log cannot be looked up"))
    }

    async fn ids(&self, question: &AuditQuestion) -> Result<Vec<AuditId>, Violation> {
        Ok(self.about(question).await?.iter().map(|record| record.id).collect())
    }
}

const START: i64 = 1_800_000_000_000_000;

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_micros(START).after(Duration::from_secs(seconds))
}

fn account(name: &str) -> Result<AccountId, Violation> {
    AccountId::parse(name).map_err(Violation::of)
}

fn subject(number: u8) -> AuditSubject {
    AuditSubject::from_bytes([number; 16])
}

fn reset(number: u8) -> Result<RecordId, Violation> {
    Ok(RecordId::from_parts(tenant()?.tag(), [number; 16]))
}

/// A record of the tenant, about nobody yet. The number is its id and the second at which it began.
fn record(number: u8) -> Result<AuditRecord, Violation> {
    let id = AuditId::from_bytes([number; 16]);
    let record = AuditRecord::new(id, at(number.into()), EventKind::Verify, Outcome::Rejected);
    Ok(AuditRecord { tenant: Some(tenant()?), ..record })
}

fn of_account(number: u8, name: &str) -> Result<AuditRecord, Violation> {
    Ok(AuditRecord { account: Some(account(name)?), ..record(number)? })
}

fn question(name: &str) -> Result<AuditQuestion, Violation> {
    Ok(AuditQuestion::new(tenant()?, account(name)?, 100))
}

async fn a_record_is_found_as_it_was_appended(bench: &AuditLogBench) -> CaseResult {
    let full = AuditRecord {
        actor: Some(ActorId::parse("staff 17, Ünal").map_err(Violation::of)?),
        address: Some("\"a b\"@example.com".to_owned()),
        application: Some(ApplicationId::parse("shop").map_err(Violation::of)?),
        correlation: Some(CorrelationId::parse("0f").map_err(Violation::of)?),
        network: Some(std::net::IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1])),
        reason: Some(StaffReason::parse("„Ticket 7“ 🔑 \\ ' ;").map_err(Violation::of)?),
        reset: Some(reset(3)?),
        subject: Some(subject(4)),
        user_agent: UserAgent::new("Firefox/150 'DROP TABLE"),
        user_flow: Some(UserFlowId::parse("sign-in").map_err(Violation::of)?),
        ..of_account(1, "ada")?
    };
    let bare = AuditRecord { account: Some(account("ada")?), ..record(2)? };
    bench.log.append(&[full.clone(), bare.clone()]).await?;
    same("the records", bench.about(&question("ada")?).await?, vec![bare, full])
}

async fn a_record_that_is_appended_again_is_kept_once(bench: &AuditLogBench) -> CaseResult {
    let (first, second) = (of_account(1, "ada")?, of_account(2, "ada")?);
    bench.log.append(std::slice::from_ref(&first)).await?;
    bench.log.append(&[first.clone(), second.clone()]).await?;
    same("the records", bench.about(&question("ada")?).await?, vec![second, first])
}

async fn a_batch_is_kept_as_a_whole(bench: &AuditLogBench) -> CaseResult {
    let records: Vec<AuditRecord> =
        (0..=255).map(|number| of_account(number, "ada")).collect::<Result<_, _>>()?;
    bench.log.append(&records).await?;
    bench.log.append(&[]).await?;
    let question = AuditQuestion { most: 1000, ..question("ada")? };
    same("how many records are kept", bench.about(&question).await?.len(), 256)
}

async fn the_newest_records_come_first_and_no_more_than_wanted(
    bench: &AuditLogBench,
) -> CaseResult {
    let shuffled = [3, 1, 4, 2].map(|number| of_account(number, "ada"));
    bench.log.append(&shuffled.into_iter().collect::<Result<Vec<_>, _>>()?).await?;
    let question = AuditQuestion { most: 3, ..question("ada")? };
    let newest = [4, 3, 2].map(|number| AuditId::from_bytes([number; 16]));
    same("the records", bench.ids(&question).await?, newest.to_vec())
}

async fn of_records_of_one_moment_the_one_appended_last_comes_first(
    bench: &AuditLogBench,
) -> CaseResult {
    let at_once = |number: u8| -> Result<AuditRecord, Violation> {
        Ok(AuditRecord { at: at(0), ..of_account(number, "ada")? })
    };
    let appended = [9, 2, 7, 4, 5];
    let records: Vec<AuditRecord> =
        appended.iter().copied().map(at_once).collect::<Result<_, _>>()?;
    let (first, second) = records.split_at(2);
    bench.log.append(first).await?;
    bench.log.append(second).await?;
    let mut expected = appended.map(|number| AuditId::from_bytes([number; 16])).to_vec();
    expected.reverse();
    same("the records", bench.ids(&question("ada")?).await?, expected)
}

async fn a_record_of_another_account_is_not_found(bench: &AuditLogBench) -> CaseResult {
    let others = [of_account(1, "Ada")?, of_account(2, "ada2")?, record(3)?];
    bench.log.append(&others).await?;
    same("records of others", bench.ids(&question("ada")?).await?, Vec::new())
}

async fn a_record_of_another_tenant_is_not_found(bench: &AuditLogBench) -> CaseResult {
    let other = TenantId::parse("another").map_err(Violation::of)?;
    let ours = AuditRecord { reset: Some(reset(9)?), ..of_account(1, "ada")? };
    let mine = ours.id;
    // The same names and even the same reset, which no engine would write.
    let foreign = |number| -> Result<AuditRecord, Violation> {
        let id = AuditId::from_bytes([number; 16]);
        Ok(AuditRecord {
            id,
            tenant: Some(other.clone()),
            subject: Some(subject(1)),
            ..ours.clone()
        })
    };
    let nobody = AuditRecord { tenant: None, ..foreign(3)? };
    bench.log.append(&[foreign(2)?, nobody, ours.clone()]).await?;
    let question = AuditQuestion { subjects: vec![subject(1)], ..question("ada")? };
    same("the records", bench.ids(&question).await?, vec![mine])
}

async fn a_record_of_a_subject_is_found_without_an_account(bench: &AuditLogBench) -> CaseResult {
    let with = |number: u8, of: u8| -> Result<AuditRecord, Violation> {
        Ok(AuditRecord { subject: Some(subject(of)), ..record(number)? })
    };
    let records = [with(1, 1)?, with(2, 2)?, with(3, 3)?];
    bench.log.append(&records).await?;
    let question = AuditQuestion { subjects: vec![subject(1), subject(3)], ..question("ada")? };
    let expected = [3, 1].map(|number| AuditId::from_bytes([number; 16]));
    same("the records", bench.ids(&question).await?, expected.to_vec())
}

async fn the_records_of_a_reset_belong_together(bench: &AuditLogBench) -> CaseResult {
    let of_reset = |number: u8, of: u8| -> Result<AuditRecord, Violation> {
        Ok(AuditRecord { reset: Some(reset(of)?), ..record(number)? })
    };
    let opened = AuditRecord { subject: Some(subject(1)), ..of_reset(1, 1)? };
    let delivered = AuditRecord { account: Some(account("ada")?), ..of_reset(2, 2)? };
    let records = [opened, delivered, of_reset(3, 1)?, of_reset(4, 2)?, of_reset(5, 3)?];
    bench.log.append(&records).await?;
    let question = AuditQuestion { subjects: vec![subject(1)], ..question("ada")? };
    let expected = [4, 3, 2, 1].map(|number| AuditId::from_bytes([number; 16]));
    same("the records", bench.ids(&question).await?, expected.to_vec())
}

async fn an_account_without_records_has_none(bench: &AuditLogBench) -> CaseResult {
    same("the records", bench.about(&question("ada")?).await?, Vec::new())
}

async fn nothing_recent_is_deleted(bench: &AuditLogBench) -> CaseResult {
    bench.log.append(&[of_account(1, "ada")?]).await?;
    let retention = bench.retention.unwrap_or(Duration::from_secs(3600));
    same("records deleted", bench.log.delete_old(at(1).after(retention), 100).await?, 0)?;
    same("records left", bench.ids(&question("ada")?).await?.len(), 1)
}

async fn what_is_too_old_is_deleted_up_to_the_limit(bench: &AuditLogBench) -> CaseResult {
    let records = [1, 2, 3, 4].map(|number| of_account(number, "ada"));
    bench.log.append(&records.into_iter().collect::<Result<Vec<_>, _>>()?).await?;
    let Some(retention) = bench.retention else {
        let deleted = bench.log.delete_old(at(1_000_000_000), 100).await?;
        return same("records deleted by a log that keeps all", deleted, 0);
    };
    let now = at(4).after(retention);
    same("records deleted at first", bench.log.delete_old(now, 2).await?, 2)?;
    let left = bench.ids(&question("ada")?).await?;
    let newest = [4, 3].map(|number| AuditId::from_bytes([number; 16]));
    same("the oldest go first: what is left", left, newest.to_vec())?;
    same("records deleted then", bench.log.delete_old(now, 2).await?, 1)?;
    same("records left", bench.ids(&question("ada")?).await?, vec![AuditId::from_bytes([4; 16])])
}
