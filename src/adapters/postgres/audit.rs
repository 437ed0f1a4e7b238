//! An audit log in Postgres.

use core::time::Duration;

use async_trait::async_trait;
use tokio_postgres::types::Type;

use super::{
    pool::{Connections, Value},
    rows::get,
};
use crate::{
    adapters::sql::{AuditRow, RETENTION, audit_ends, read_audit_record},
    domain::Timestamp,
    ports::{AuditLog, AuditQuestion, AuditRecord, StoreError},
};

/// Keeps audit records in Postgres, made by [`PostgresStore::audit`](super::PostgresStore::audit).
///
/// Records are JSON in the table `sspr.audit`, which the role of a service may not update.
/// [`Sspr::sweep`](crate::Sspr::sweep) deletes those that are older than the retention.
#[derive(Clone, Debug)]
pub struct PostgresAudit {
    connections: Connections,
    retention: Duration,
}

impl PostgresAudit {
    pub(super) const fn over(connections: Connections) -> Self {
        Self { connections, retention: RETENTION }
    }

    /// Keeps each record this long. Default: 90 days.
    #[must_use]
    pub const fn with_retention(mut self, retention: Duration) -> Self {
        self.retention = retention;
        self
    }
}

#[async_trait]
impl AuditLog for PostgresAudit {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let rows = records.iter().map(AuditRow::new).collect::<Result<Vec<_>, _>>()?;
        let ids: Vec<&[u8]> = rows.iter().map(|row| &row.id[..]).collect();
        let ats: Vec<i64> = rows.iter().map(|row| row.at).collect();
        let tenants: Vec<Option<&str>> = rows.iter().map(|row| row.tenant.as_deref()).collect();
        let accounts: Vec<Option<&str>> = rows.iter().map(|row| row.account.as_deref()).collect();
        let subjects: Vec<Option<&[u8]>> =
            rows.iter().map(|row| row.subject.as_ref().map(|it| &it[..])).collect();
        let resets: Vec<Option<&[u8]>> =
            rows.iter().map(|row| row.reset.as_ref().map(|it| &it[..])).collect();
        let records: Vec<&str> = rows.iter().map(|row| row.record.as_str()).collect();
        let sql = "INSERT INTO sspr.audit (id, at, tenant, account, subject, reset, record) \
                   SELECT r.id, r.at, r.tenant, r.account, r.subject, r.reset, r.record \
                   FROM unnest($1, $2, $3, $4, $5, $6, $7) WITH ORDINALITY AS r \
                     (id, at, tenant, account, subject, reset, record, place) \
                   ORDER BY r.place ON CONFLICT (id) DO NOTHING";
        let values: &[Value<'_>] = &[
            (&ids, Type::BYTEA_ARRAY),
            (&ats, Type::INT8_ARRAY),
            (&tenants, Type::TEXT_ARRAY),
            (&accounts, Type::TEXT_ARRAY),
            (&subjects, Type::BYTEA_ARRAY),
            (&resets, Type::BYTEA_ARRAY),
            (&records, Type::TEXT_ARRAY),
        ];
        self.connections.rows(sql, values).await.map(drop)
    }

    async fn about(
        &self,
        question: &AuditQuestion,
    ) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        let AuditQuestion { tenant, account, subjects, most } = question;
        let subjects: Vec<[u8; 16]> = subjects.iter().map(|it| it.to_bytes()).collect();
        let subjects: Vec<&[u8]> = subjects.iter().map(|it| &it[..]).collect();
        let sql = "WITH named AS (\
               SELECT id, reset FROM sspr.audit WHERE tenant = $1 AND account = $2 \
               UNION SELECT id, reset FROM sspr.audit WHERE tenant = $1 AND subject = ANY ($3)) \
             SELECT record FROM sspr.audit WHERE id IN (\
               SELECT id FROM named UNION SELECT id FROM sspr.audit WHERE tenant = $1 AND reset \
               IN (SELECT reset FROM named WHERE reset IS NOT NULL)) \
             ORDER BY at DESC, number DESC LIMIT $4";
        let values: &[Value<'_>] = &[
            (&tenant.as_str(), Type::TEXT),
            (&account.as_str(), Type::TEXT),
            (&subjects, Type::BYTEA_ARRAY),
            (&i64::try_from(*most).unwrap_or(i64::MAX), Type::INT8),
        ];
        let rows = self.connections.rows(sql, values).await?;
        rows.iter()
            .map(|row| read_audit_record(get(row, "record")?))
            .collect::<Result<_, _>>()
            .map(Some)
    }

    async fn delete_old(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let sql = "WITH gone AS (DELETE FROM sspr.audit WHERE id IN \
                     (SELECT id FROM sspr.audit WHERE at < $1 ORDER BY at LIMIT $2) RETURNING 1) \
                   SELECT count(*) AS deleted FROM gone";
        let values: &[Value<'_>] = &[
            (&audit_ends(now, self.retention), Type::INT8),
            (&i64::try_from(limit).unwrap_or(i64::MAX), Type::INT8),
        ];
        let rows = self.connections.rows(sql, values).await?;
        let deleted: i64 = rows.first().map_or(Ok(0), |row| get(row, "deleted"))?;
        Ok(usize::try_from(deleted).unwrap_or_default())
    }
}
