//! The code store in SQLite.

use std::sync::Arc;

use async_trait::async_trait;
use rusqlite::{Connection, Error, OptionalExtension, Row, params};

use super::{
    charges::{charge, charge_tiers, clear, pack, unpack},
    connections::Connections,
    errors,
    worker::Writes,
};
use crate::{
    domain::{Charge, CounterName, Over, RecordId, Timestamp},
    ports::{
        Attempted, CodeStore, Inserted, Loaded, Record, SWEEP_MARGIN, StoreError, StoredRecord,
        Swapped,
    },
};

/// Keeps records and counters in a SQLite file. An answered call survives a loss of power.
#[derive(Clone, Debug)]
pub struct SqliteCodes(Arc<Connections>);

impl SqliteCodes {
    pub(super) const fn over(connections: Arc<Connections>) -> Self {
        Self(connections)
    }
}

#[async_trait]
impl CodeStore for SqliteCodes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let (record, charges) = (record.clone(), charges.to_vec());
        let act = move |connection: &Connection| insert(connection, &record, &charges, now);
        self.0.writer.call(act).await
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let (id, charges) = (*id, charges.to_vec());
        let act = move |connection: &Connection| attempt(connection, &id, &charges, now);
        self.0.writer.call(act).await
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        let (id, charges) = (*id, charges.to_vec());
        let worker = if charges.is_empty() { &self.0.reader } else { &self.0.writer };
        let act = move |connection: &Connection| load(connection, &id, &charges, now);
        worker.call(act).await
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let (next, charges, clear) = (next.clone(), charges.to_vec(), clear.to_vec());
        let act =
            move |connection: &Connection| swap(connection, &next, expected, &charges, &clear, now);
        self.0.writer.call(act).await
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        let charges = charges.to_vec();
        let act = move |connection: &Connection| {
            charge(connection, &charges, now).map(|over| (over, Writes::Stand))
        };
        self.0.writer.call(act).await
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let act = move |connection: &Connection| sweep(connection, now, limit);
        self.0.writer.call(act).await
    }
}

pub(super) fn insert(
    connection: &Connection,
    record: &Record,
    charges: &[Charge],
    now: Timestamp,
) -> Result<(Inserted, Writes), Error> {
    let sql = "SELECT 1 FROM sspr_record WHERE id = ?1";
    if connection.prepare_cached(sql)?.exists([record.id.as_bytes()])? {
        return Ok((Inserted::Exists, Writes::Undone));
    }
    // Make the charges first, because refused charges write nothing.
    let over = charge(connection, charges, now)?;
    if !over.is_empty() {
        return Ok((Inserted::Refused(over), Writes::Undone));
    }
    let sql = "INSERT INTO sspr_record \
               (id, version, expires_at, touched_at, tries, tries_limit, charges, body) \
               VALUES (?1, 1, ?2, ?3, 0, ?4, ?5, ?6)";
    connection.prepare_cached(sql)?.execute(params![
        record.id.as_bytes(),
        record.expires_at.as_micros(),
        now.as_micros(),
        record.tries_limit,
        pack(&record.charges),
        record.body,
    ])?;
    Ok((Inserted::Inserted, Writes::Stand))
}

pub(super) fn attempt(
    connection: &Connection,
    id: &RecordId,
    charges: &[Charge],
    now: Timestamp,
) -> Result<(Attempted, Writes), Error> {
    let sql = "SELECT expires_at > max(touched_at, ?2), tries < tries_limit FROM sspr_record \
               WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let state = statement
        .query_row(params![id.as_bytes(), now.as_micros()], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    let refused = match state {
        None => Attempted::Missing,
        Some((false, _)) => Attempted::Dead,
        Some((true, false)) => Attempted::Exhausted,
        Some((true, true)) => {
            let over = charge(connection, charges, now)?;
            if over.is_empty() {
                return charge_try(connection, id, now);
            }
            Attempted::Refused(over)
        }
    };
    Ok((refused, Writes::Undone))
}

/// Charges one try of a record that has one, and makes the record's own charges.
fn charge_try(
    connection: &Connection,
    id: &RecordId,
    now: Timestamp,
) -> Result<(Attempted, Writes), Error> {
    let sql = "UPDATE sspr_record SET tries = tries + 1, touched_at = max(touched_at, ?2) \
               WHERE id = ?1 RETURNING version, expires_at, touched_at, tries, body, charges";
    let mut statement = connection.prepare_cached(sql)?;
    let (record, own) = statement.query_row(params![id.as_bytes(), now.as_micros()], |row| {
        Ok((stored(row)?, row.get::<_, Vec<u8>>(5)?))
    })?;
    let over = charge_tiers(connection, &unpack(&own)?, now)?;
    Ok((Attempted::Charged { over, record }, Writes::Stand))
}

pub(super) fn load(
    connection: &Connection,
    id: &RecordId,
    charges: &[Charge],
    now: Timestamp,
) -> Result<(Loaded, Writes), Error> {
    let sql = "SELECT version, expires_at, touched_at, tries, body FROM sspr_record WHERE id = ?1";
    let mut statement = connection.prepare_cached(sql)?;
    let Some(record) = statement.query_row([id.as_bytes()], stored).optional()? else {
        return Ok((Loaded::Missing, Writes::Undone));
    };
    let over = charge(connection, charges, now)?;
    if !over.is_empty() {
        return Ok((Loaded::Refused(over), Writes::Undone));
    }
    let writes = if charges.is_empty() { Writes::Undone } else { Writes::Stand };
    Ok((Loaded::Found(record), writes))
}

pub(super) fn swap(
    connection: &Connection,
    next: &Record,
    expected: u64,
    charges: &[Charge],
    cleared: &[CounterName],
    now: Timestamp,
) -> Result<(Swapped, Writes), Error> {
    let sql = "SELECT version FROM sspr_record WHERE id = ?1";
    let version = connection
        .prepare_cached(sql)?
        .query_row([next.id.as_bytes()], |row| row.get::<_, i64>(0))
        .optional()?;
    let Some(version) = version.map(unsigned).transpose()? else {
        return Ok((Swapped::Missing, Writes::Undone));
    };
    if version != expected {
        return Ok((Swapped::Conflict { version }, Writes::Undone));
    }
    let over = charge(connection, charges, now)?;
    if !over.is_empty() {
        return Ok((Swapped::Refused(over), Writes::Undone));
    }
    for name in cleared {
        clear(connection, name, now)?;
    }
    let sql = "UPDATE sspr_record SET version = version + 1, expires_at = ?2, \
               touched_at = max(touched_at, ?3), tries = CASE WHEN ?4 THEN 0 ELSE tries END, \
               tries_limit = ?5, charges = ?6, body = ?7 WHERE id = ?1";
    connection.prepare_cached(sql)?.execute(params![
        next.id.as_bytes(),
        next.expires_at.as_micros(),
        now.as_micros(),
        next.begins_challenge,
        next.tries_limit,
        pack(&next.charges),
        next.body,
    ])?;
    Ok((Swapped::Swapped { version: version.saturating_add(1) }, Writes::Stand))
}

fn sweep(connection: &Connection, now: Timestamp, limit: usize) -> Result<(usize, Writes), Error> {
    let before = now.before(SWEEP_MARGIN).as_micros();
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let sql = "DELETE FROM sspr_record WHERE id IN (SELECT id FROM sspr_record \
               WHERE expires_at <= ?1 AND touched_at <= ?1 LIMIT ?2)";
    let records = connection.prepare_cached(sql)?.execute(params![before, limit])?;
    let left = limit.saturating_sub(i64::try_from(records).unwrap_or(i64::MAX));
    let sql = "DELETE FROM sspr_counter WHERE name IN (SELECT name FROM sspr_counter \
               WHERE ends_at <= ?1 AND touched_at <= ?1 LIMIT ?2)";
    let counters = connection.prepare_cached(sql)?.execute(params![before, left])?;
    Ok((records + counters, Writes::Stand))
}

fn stored(row: &Row<'_>) -> Result<StoredRecord, Error> {
    Ok(StoredRecord {
        version: unsigned(row.get(0)?)?,
        expires_at: Timestamp::from_micros(row.get(1)?),
        touched_at: Timestamp::from_micros(row.get(2)?),
        tries: row.get(3)?,
        body: row.get(4)?,
    })
}

fn unsigned(value: i64) -> Result<u64, Error> {
    u64::try_from(value).map_err(|_| errors::damaged("version"))
}
