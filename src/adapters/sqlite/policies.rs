//! Tenants' policies in SQLite, changed by administrators.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, params};
use serde_json::Value;

use super::{SqliteStore, errors::damaged, store::Connections, worker::Writes};
use crate::{
    adapters::Policies,
    domain::{Instant, TenantId},
    policy::TenantPolicy,
    ports::{
        PolicyChange, PolicyError, PolicySource, PolicyStore, RecordedChange, StoreError,
        StoreErrorKind, VersionedPolicy, Written,
    },
};

/// Policies in a SQLite file, with who changed what. Clones share what they supply.
///
/// A change takes effect at once in this process. Call [`SqlitePolicies::refresh`] every second or
/// two for the changes of other processes.
#[derive(Clone, Debug)]
pub struct SqlitePolicies {
    connections: Arc<Connections>,
    current: Policies,
}

impl SqliteStore {
    /// The policies in this file. Supplies what is stored at this moment.
    ///
    /// # Errors
    /// [`StoreError`]; a stored document that is no policy is [`StoreErrorKind::Corrupt`].
    pub async fn policies(&self) -> Result<SqlitePolicies, StoreError> {
        let current = Policies::default();
        let policies = SqlitePolicies { connections: self.connections(), current };
        policies.refresh().await?;
        Ok(policies)
    }
}

impl SqlitePolicies {
    /// Supplies from now on what is stored; answers the tenants whose policy is new.
    ///
    /// # Errors
    /// [`StoreError`]; what was supplied before stays in force.
    pub async fn refresh(&self) -> Result<Vec<TenantId>, StoreError> {
        let act = |connection: &Connection| {
            let mut statement =
                connection.prepare_cached("SELECT tenant, version FROM sspr_policy")?;
            let rows = statement
                .query_map([], |row| Ok((tenant(&row.get::<_, String>(0)?)?, row.get(1)?)))?;
            Ok((rows.collect::<Result<Vec<(TenantId, i64)>, _>>()?, Writes::Undone))
        };
        let mut changed = Vec::new();
        for (tenant, version) in self.connections.reader.call(act).await? {
            if self.current.version(&tenant) == Some(unsigned(version)) {
                continue;
            }
            if let Some(policy) = self.read(&tenant).await? {
                self.current.adopt(policy);
                changed.push(tenant);
            }
        }
        Ok(changed)
    }
}

impl PolicySource for SqlitePolicies {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        self.current.policy(tenant)
    }
}

#[async_trait]
impl PolicyStore for SqlitePolicies {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let act = |connection: &Connection| {
            let sql = "SELECT tenant FROM sspr_policy ORDER BY tenant";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| tenant(&row.get::<_, String>(0)?))?;
            Ok((rows.collect::<Result<Vec<_>, _>>()?, Writes::Undone))
        };
        self.connections.reader.call(act).await
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        let name = tenant.clone();
        let act = move |connection: &Connection| {
            let sql = "SELECT version, document FROM sspr_policy WHERE tenant = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row([name.as_str()], |row| {
                Ok((unsigned(row.get(0)?), row.get::<_, String>(1)?))
            });
            Ok((found.optional()?, Writes::Undone))
        };
        let Some((version, document)) = self.connections.reader.call(act).await? else {
            return Ok(None);
        };
        let policy = TenantPolicy::from_json(&document).map_err(|error| {
            let message = "sqlite: a stored policy cannot be read; put it right in sspr_policy";
            StoreError::new(StoreErrorKind::Corrupt, message).with_source(error)
        })?;
        Ok(Some(VersionedPolicy::new(Arc::new(policy), version)))
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        let record = change.record();
        let tenant = change.after.tenant().clone();
        let act = move |connection: &Connection| write(connection, &tenant, &record, expected);
        let written = self.connections.writer.call(act).await?;
        if let Written::Written { version } = written {
            self.current.adopt(VersionedPolicy::new(change.after.clone(), version));
        }
        Ok(written)
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        let (tenant, limit) = (tenant.clone(), i64::try_from(limit).unwrap_or(i64::MAX));
        let act = move |connection: &Connection| {
            let sql = "SELECT at, who, what, before, after FROM sspr_policy_change \
                       WHERE tenant = ?1 ORDER BY id DESC LIMIT ?2";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map(params![tenant.as_str(), limit], |row| {
                let json = |index| -> Result<Value, Error> {
                    serde_json::from_str(&row.get::<_, String>(index)?)
                        .map_err(|_| damaged("sspr_policy_change"))
                };
                let at = Instant::from_micros(row.get(0)?);
                let (who, what): (String, String) = (row.get(1)?, row.get(2)?);
                Ok(RecordedChange::new(at, &who, &what, [json(3)?, json(4)?]))
            })?;
            Ok((rows.collect::<Result<Vec<_>, _>>()?, Writes::Undone))
        };
        self.connections.reader.call(act).await
    }
}

fn write(
    connection: &Connection,
    tenant: &TenantId,
    record: &RecordedChange,
    expected: u64,
) -> Result<(Written, Writes), Error> {
    let (tenant, after) = (tenant.as_str(), record.after.to_string());
    let expected = i64::try_from(expected).unwrap_or(i64::MAX);
    let mut statement = if expected == 0 {
        let sql = "INSERT INTO sspr_policy (tenant, version, document) VALUES (?1, ?3 + 1, ?2) \
                   ON CONFLICT DO NOTHING RETURNING version";
        connection.prepare_cached(sql)?
    } else {
        let sql = "UPDATE sspr_policy SET document = ?2, version = version + 1 \
                   WHERE tenant = ?1 AND version = ?3 RETURNING version";
        connection.prepare_cached(sql)?
    };
    let version = statement.query_row(params![tenant, after, expected], |row| row.get(0));
    let Some(version) = version.optional()? else {
        let sql = "SELECT version FROM sspr_policy WHERE tenant = ?1";
        let stored = connection.prepare_cached(sql)?.query_row([tenant], |row| row.get(0));
        let version = unsigned(stored.optional()?.unwrap_or(0));
        return Ok((Written::Conflict { version }, Writes::Undone));
    };
    let sql = "INSERT INTO sspr_policy_change (tenant, at, who, what, before, after) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let at = record.at.as_micros();
    let values = params![tenant, at, record.who, record.what, record.before.to_string(), after];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok((Written::Written { version: unsigned(version) }, Writes::Stand))
}

fn tenant(text: &str) -> Result<TenantId, Error> {
    TenantId::parse(text).map_err(|_| damaged("sspr_policy.tenant"))
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
