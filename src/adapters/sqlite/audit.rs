//! An audit log in SQLite.

use core::time::Duration;
use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, params, params_from_iter, types::Value};

use super::{connections::Connections, worker::Writes};
use crate::{
    adapters::sql::{AuditRow, RETENTION, audit_ends, read_audit_record},
    domain::Timestamp,
    ports::{AuditLog, AuditQuestion, AuditRecord, StoreError},
};

/// Keeps audit records in a SQLite file, made by [`SqliteStore::audit`](super::SqliteStore::audit).
///
/// Records are JSON in the table `sspr_audit`. [`Sspr::sweep`](crate::Sspr::sweep) deletes those that
/// are older than the retention.
#[derive(Clone, Debug)]
pub struct SqliteAudit {
    connections: Arc<Connections>,
    retention: Duration,
}

impl SqliteAudit {
    pub(super) const fn over(connections: Arc<Connections>) -> Self {
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
impl AuditLog for SqliteAudit {
    async fn append(&self, records: &[AuditRecord]) -> Result<(), StoreError> {
        let rows = records.iter().map(AuditRow::new).collect::<Result<Vec<_>, _>>()?;
        let act = move |connection: &Connection| {
            let sql = "INSERT INTO sspr_audit (id, at, tenant, account, subject, reset, record) \
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (id) DO NOTHING";
            let mut statement = connection.prepare_cached(sql)?;
            for row in &rows {
                let AuditRow { id, at, tenant, account, subject, reset, record } = row;
                statement.execute(params![id, at, tenant, account, subject, reset, record])?;
            }
            Ok(((), Writes::Stand))
        };
        self.connections.writer.call(act).await
    }

    async fn about(
        &self,
        question: &AuditQuestion,
    ) -> Result<Option<Vec<AuditRecord>>, StoreError> {
        let AuditQuestion { tenant, account, subjects, most } = question;
        let most = i64::try_from(*most).unwrap_or(i64::MAX);
        let mut values = vec![
            Value::Text(tenant.to_string()),
            Value::Text(account.to_string()),
            Value::Integer(most),
        ];
        values.extend(subjects.iter().map(|subject| Value::Blob(subject.to_bytes().to_vec())));
        let places: Vec<String> = (4..values.len() + 1).map(|place| format!("?{place}")).collect();
        let places = places.join(", ");
        let act = move |connection: &Connection| {
            let sql = format!(
                "WITH named AS (\
                   SELECT id, reset FROM sspr_audit WHERE tenant = ?1 AND account = ?2 \
                   UNION SELECT id, reset FROM sspr_audit WHERE tenant = ?1 AND subject IN ({places})) \
                 SELECT record FROM sspr_audit WHERE id IN (\
                   SELECT id FROM named UNION SELECT id FROM sspr_audit WHERE tenant = ?1 AND reset \
                   IN (SELECT reset FROM named WHERE reset IS NOT NULL)) \
                 ORDER BY at DESC, number DESC LIMIT ?3"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let found = statement.query_map(params_from_iter(values), |row| row.get(0))?;
            Ok((found.collect::<Result<Vec<String>, _>>()?, Writes::Undone))
        };
        let found = self.connections.reader.call(act).await?;
        found.iter().map(|json| read_audit_record(json)).collect::<Result<_, _>>().map(Some)
    }

    async fn delete_old(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let (before, limit) =
            (audit_ends(now, self.retention), i64::try_from(limit).unwrap_or(i64::MAX));
        let act = move |connection: &Connection| {
            let sql = "DELETE FROM sspr_audit WHERE id IN \
                       (SELECT id FROM sspr_audit WHERE at < ?1 ORDER BY at LIMIT ?2)";
            let deleted = connection.prepare_cached(sql)?.execute([before, limit])?;
            Ok((deleted, Writes::Stand))
        };
        self.connections.writer.call(act).await
    }
}
