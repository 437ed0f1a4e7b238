//! The policies of tenants in SQLite, which administrators change.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, params, types::ValueRef};
use serde_json::Value;

use super::{SqliteStore, connections::Connections, worker::Writes};
use crate::{
    adapters::{
        MemoryPolicies, PolicyFault,
        memory_policies::{MOST_CHANGES, corrupt, read_stored, refused},
    },
    domain::{TenantId, Timestamp},
    policy::{DocumentError, TenantPolicy},
    ports::{
        DamagedPolicy, PolicyChange, PolicyError, PolicySource, PolicyStore, RecordedChange,
        StoreError, VersionedPolicy, Written,
    },
};

/// The total size of the records of a tenant's changes. The newest record is kept whatever its
/// size.
const MOST_RECORDED: usize = 16 * 1024 * 1024;

/// Policies in a SQLite file, with a record of each change and its administrator. Clones share the
/// policies.
///
/// A change takes effect at once in this process. Call [`SqlitePolicies::refresh`] every second or
/// two to take over the changes of other processes.
///
/// A stored policy that cannot be read never replaces a good one and does not affect other tenants.
/// [`SqlitePolicies::faults`] names the policy, and the administrator's side repairs it.
///
/// The last 1,000 changes of each tenant are kept, up to 16 MiB.
#[derive(Clone, Debug)]
pub struct SqlitePolicies {
    connections: Arc<Connections>,
    current: MemoryPolicies,
    seen: Arc<Mutex<Seen>>,
}

/// The state of each row when it was last read or written.
#[derive(Debug, Default)]
struct Seen {
    rows: HashMap<TenantId, Row>,
    /// The number of rows that name no tenant.
    nameless: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Row {
    mark: Mark,
    fault: Option<DocumentError>,
}

/// A mark that tells one state of a row from another without reading the document. The length
/// reveals an edit by hand that kept the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mark {
    version: u64,
    bytes: u64,
}

impl SqliteStore {
    /// Returns the policies in this file, as they are stored at this moment.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails. A stored policy that cannot be read is not an error:
    /// see [`SqlitePolicies::faults`].
    pub async fn policies(&self) -> Result<SqlitePolicies, StoreError> {
        let policies = SqlitePolicies {
            connections: self.connections(),
            current: MemoryPolicies::default(),
            seen: Arc::default(),
        };
        policies.refresh().await?;
        Ok(policies)
    }
}

impl SqlitePolicies {
    /// Takes over the stored policies, and returns the tenants that have a new policy.
    ///
    /// # Errors
    /// [`StoreError`] if the database fails. The earlier policies then stay in force.
    pub async fn refresh(&self) -> Result<Vec<TenantId>, StoreError> {
        let act = |connection: &Connection| {
            let sql = "SELECT tenant, max(version, 1), octet_length(document) FROM sspr_policy";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| {
                let mark = Mark { bytes: unsigned(row.get(2)?), version: unsigned(row.get(1)?) };
                Ok((name(row.get_ref(0)?), mark))
            })?;
            Ok((rows.collect::<Result<Vec<_>, _>>()?, Writes::Undone))
        };
        let rows = self.connections.reader.call(act).await?;
        {
            let mut seen = self.seen();
            seen.nameless = rows.iter().filter(|(tenant, _)| tenant.is_none()).count();
            let is_stored =
                |tenant: &TenantId| rows.iter().any(|(it, _)| it.as_ref() == Some(tenant));
            seen.rows.retain(|tenant, row| row.fault.is_none() || is_stored(tenant));
        }
        let mut changed = Vec::new();
        for (tenant, mark) in rows.into_iter().filter_map(|(tenant, mark)| Some((tenant?, mark))) {
            let before = self.seen().rows.get(&tenant).cloned();
            if before.as_ref().is_some_and(|row| row.mark == mark) {
                continue;
            }
            let Some((mark, document)) = self.stored(&tenant).await? else { continue };
            let read = read_stored(&tenant, &document);
            let mut seen = self.seen();
            if seen.rows.get(&tenant) != before.as_ref() {
                // This process has written meanwhile, and its write is newer than the row that was
                // read.
                continue;
            }
            let fault = match read {
                Ok(policy) => {
                    self.current.adopt(VersionedPolicy::new(Arc::new(policy), mark.version));
                    changed.push(tenant.clone());
                    None
                }
                Err(fault) => Some(fault),
            };
            seen.rows.insert(tenant, Row { fault, mark });
        }
        Ok(changed)
    }

    /// Returns the faults of the last refresh, for the host's logs.
    #[must_use]
    pub fn faults(&self) -> Vec<PolicyFault> {
        let seen = self.seen();
        let damaged = seen.rows.iter().filter_map(|(tenant, row)| {
            let message = format!("sqlite: sspr_policy: {}", row.fault.as_ref()?);
            Some(PolicyFault { message, tenant: Some(tenant.clone()) })
        });
        let mut faults: Vec<PolicyFault> = damaged.collect();
        faults.sort_unstable_by(|one, other| one.tenant.cmp(&other.tenant));
        if seen.nameless > 0 {
            let message = format!("sqlite: sspr_policy: {} rows name no tenant", seen.nameless);
            faults.push(PolicyFault { message, tenant: None });
        }
        faults
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns the stored document, even if it cannot be parsed.
    async fn stored(&self, tenant: &TenantId) -> Result<Option<(Mark, Vec<u8>)>, StoreError> {
        let tenant = tenant.clone();
        let act = move |connection: &Connection| {
            let sql = "SELECT max(version, 1), octet_length(document), document \
                       FROM sspr_policy WHERE tenant = ?1";
            let mut statement = connection.prepare_cached(sql)?;
            let found = statement.query_row([tenant.as_str()], |row| {
                let mark = Mark { bytes: unsigned(row.get(1)?), version: unsigned(row.get(0)?) };
                Ok((mark, row.get_ref(2)?.as_bytes()?.to_vec()))
            });
            Ok((found.optional()?, Writes::Undone))
        };
        self.connections.reader.call(act).await
    }

    /// Returns the records of a tenant, the newest first, until `limit` records could be read. Also
    /// returns how many could not be read.
    async fn records(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<(Vec<RecordedChange>, usize), StoreError> {
        let tenant = tenant.clone();
        let act = move |connection: &Connection| {
            let sql = "SELECT at, who, what, before, after FROM sspr_policy_change \
                       WHERE tenant = ?1 ORDER BY id DESC";
            let mut statement = connection.prepare_cached(sql)?;
            let mut rows = statement.query([tenant.as_str()])?;
            let (mut records, mut unreadable) = (Vec::new(), 0);
            while records.len() < limit {
                match rows.next()?.map(recorded) {
                    Some(Some(record)) => records.push(record),
                    Some(None) => unreadable += 1,
                    None => break,
                }
            }
            Ok(((records, unreadable), Writes::Undone))
        };
        self.connections.reader.call(act).await
    }
}

impl PolicySource for SqlitePolicies {
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
        if let Some(policy) = self.current.policy(tenant)? {
            return Ok(Some(policy));
        }
        match self.seen().rows.get(tenant).and_then(|row| row.fault.clone()) {
            Some(fault) => {
                let message = "sqlite: the tenant's policy cannot be read; repair it";
                Err(PolicyError::new(message).with_source(fault))
            }
            None => Ok(None),
        }
    }
}

#[async_trait]
impl PolicyStore for SqlitePolicies {
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        let act = |connection: &Connection| {
            let sql = "SELECT tenant FROM sspr_policy ORDER BY tenant";
            let mut statement = connection.prepare_cached(sql)?;
            let rows = statement.query_map([], |row| Ok(name(row.get_ref(0)?)))?;
            Ok((rows.collect::<Result<Vec<_>, _>>()?, Writes::Undone))
        };
        Ok(self.connections.reader.call(act).await?.into_iter().flatten().collect())
    }

    async fn read(&self, tenant: &TenantId) -> Result<Option<VersionedPolicy>, StoreError> {
        let Some((mark, document)) = self.stored(tenant).await? else { return Ok(None) };
        let policy = read_stored(tenant, &document).map_err(corrupt)?;
        Ok(Some(VersionedPolicy::new(Arc::new(policy), mark.version)))
    }

    async fn write(&self, change: &PolicyChange, expected: u64) -> Result<Written, StoreError> {
        let document = change.after.to_text().map_err(refused)?;
        let bytes = u64::try_from(document.len()).unwrap_or(u64::MAX);
        let tenant = change.after.tenant().clone();
        let record = change.record();
        let act = {
            let tenant = tenant.clone();
            move |connection: &Connection| {
                write(connection, &tenant, (&document, expected), &record)
            }
        };
        let (here, policy) = (self.clone(), change.after.clone());
        let adopt = move |written: &Written| {
            if let Written::Written { version } = *written {
                let mark = Mark { bytes, version };
                let mut seen = here.seen();
                seen.rows.insert(tenant, Row { fault: None, mark });
                here.current.adopt(VersionedPolicy::new(policy, version));
            }
        };
        self.connections.writer.call_then(act, adopt).await
    }

    async fn changes(
        &self,
        tenant: &TenantId,
        limit: usize,
    ) -> Result<Vec<RecordedChange>, StoreError> {
        Ok(self.records(tenant, limit).await?.0)
    }

    async fn damaged(&self, tenant: &TenantId) -> Result<Option<DamagedPolicy>, StoreError> {
        let in_force = self.current.policy(tenant).ok().flatten();
        let (version, fault, document) = match self.stored(tenant).await? {
            Some((mark, document)) => match read_stored(tenant, &document) {
                Ok(_) => return Ok(None),
                Err(fault) => (mark.version, fault, document),
            },
            None if in_force.is_none() => return Ok(None),
            None => (0, DocumentError::new("$", "is no longer stored"), Vec::new()),
        };
        let recorded = self.changes(tenant, MOST_CHANGES).await?;
        let text = String::from_utf8_lossy(&document);
        let damaged = DamagedPolicy::new(tenant, (version, fault), in_force, &recorded, &text);
        damaged.map(Some).map_err(corrupt)
    }

    async fn unreadable_changes(&self, tenant: &TenantId) -> Result<usize, StoreError> {
        Ok(self.records(tenant, usize::MAX).await?.1)
    }
}

fn write(
    connection: &Connection,
    tenant: &TenantId,
    (document, expected): (&str, u64),
    record: &RecordedChange,
) -> Result<(Written, Writes), Error> {
    let tenant = tenant.as_str();
    let expected = i64::try_from(expected).unwrap_or(i64::MAX);
    let mut statement = if expected == 0 {
        let sql = "INSERT INTO sspr_policy (tenant, version, document) VALUES (?1, ?3 + 1, ?2) \
                   ON CONFLICT DO NOTHING RETURNING version";
        connection.prepare_cached(sql)?
    } else {
        // A version that was written by hand can be any number.
        let sql = "UPDATE sspr_policy \
                   SET document = ?2, version = max(version, 1) % 9223372036854775807 + 1 \
                   WHERE tenant = ?1 AND max(version, 1) = ?3 RETURNING version";
        connection.prepare_cached(sql)?
    };
    let version = statement.query_row(params![tenant, document, expected], |row| row.get(0));
    let Some(version) = version.optional()? else {
        let sql = "SELECT max(version, 1) FROM sspr_policy WHERE tenant = ?1";
        let stored = connection.prepare_cached(sql)?.query_row([tenant], |row| row.get(0));
        let version = unsigned(stored.optional()?.unwrap_or(0));
        return Ok((Written::Conflict { version }, Writes::Undone));
    };
    let sql = "INSERT INTO sspr_policy_change (tenant, at, who, what, before, after) \
               VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    let at = record.at.as_micros();
    let before = record.before.to_string();
    let values = params![tenant, at, record.who, record.what, before, document];
    connection.prepare_cached(sql)?.execute(values)?;
    let sql = "DELETE FROM sspr_policy_change WHERE tenant = ?1 AND id <= ( \
               SELECT max(id) FROM (SELECT id, row_number() OVER newest AS position, \
               sum(octet_length(before) + octet_length(after)) OVER newest AS bytes \
               FROM sspr_policy_change WHERE tenant = ?1 WINDOW newest AS (ORDER BY id DESC)) \
               WHERE position > ?2 OR (position > 1 AND bytes > ?3))";
    let most = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
    let values = params![tenant, most(MOST_CHANGES), most(MOST_RECORDED)];
    connection.prepare_cached(sql)?.execute(values)?;
    Ok((Written::Written { version: unsigned(version) }, Writes::Stand))
}

/// Returns a record, or `None` if it cannot be read.
fn recorded(row: &rusqlite::Row<'_>) -> Option<RecordedChange> {
    let text = |index: usize| {
        let bytes = row.get_ref(index).ok()?.as_bytes().ok()?;
        core::str::from_utf8(bytes).ok()
    };
    let json = |index: usize| serde_json::from_str::<Value>(text(index)?).ok();
    let at = Timestamp::from_micros(row.get(0).ok()?);
    Some(RecordedChange::new(at, text(1)?, text(2)?, [json(3)?, json(4)?]))
}

/// Returns the tenant of a row.
fn name(value: ValueRef<'_>) -> Option<TenantId> {
    let text = core::str::from_utf8(value.as_bytes().ok()?).ok()?;
    TenantId::parse(text).ok()
}

fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenants_record_of_changes_has_sixteen_mebibytes_at_most() {
        assert_eq!(MOST_RECORDED, 16_777_216);
    }
}
