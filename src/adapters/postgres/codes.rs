//! The code store in Postgres. Each verb is one call of a function of the schema.

use async_trait::async_trait;
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{
    errors,
    pool::Connections,
    rows::{Charges, get, instant, over, unsigned},
};
use crate::{
    domain::{Charge, CounterName, Over, RecordId, Timestamp},
    ports::{
        Attempted, CodeStore, Inserted, Loaded, Record, SWEEP_MARGIN, StoreError, StoredRecord,
        Swapped,
    },
};

/// Keeps records and counters in Postgres.
///
/// Each verb is one statement with one round trip and one transaction. Locks are taken in one
/// order. If the server undoes a transaction because of a deadlock or a serialization failure, the
/// transaction is repeated at most eight times. Nothing is repeated after a lost connection.
#[derive(Clone, Debug)]
pub struct PostgresCodes(Connections);

impl PostgresCodes {
    pub(super) const fn over(connections: Connections) -> Self {
        Self(connections)
    }

    /// Runs a function that takes a record, the charges of the call, and the time.
    async fn row_on(
        &self,
        sql: &str,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Row, StoreError> {
        let charges = Charges::sorted(charges);
        let values: [(&(dyn ToSql + Sync), Type); 7] = [
            (&&id.as_bytes()[..], Type::BYTEA),
            (&charges.names, Type::BYTEA_ARRAY),
            (&charges.amounts, Type::INT8_ARRAY),
            (&charges.limits, Type::INT8_ARRAY),
            (&charges.windows, Type::INT8_ARRAY),
            (&now.as_micros(), Type::INT8),
            (&self.0.drift(), Type::INT8),
        ];
        self.0.row(sql, &values).await
    }
}

#[async_trait]
impl CodeStore for PostgresCodes {
    async fn insert(
        &self,
        record: &Record,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Inserted, StoreError> {
        let (own, charges) = (Charges::sorted(&record.charges), Charges::sorted(charges));
        let row = self
            .0
            .row(
                "SELECT * FROM sspr.insert($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, \
                 $14, $15)",
                &[
                    (&&record.id.as_bytes()[..], Type::BYTEA),
                    (&record.expires_at.as_micros(), Type::INT8),
                    (&i64::from(record.tries_limit), Type::INT8),
                    (&own.tiers, Type::INT2_ARRAY),
                    (&own.names, Type::BYTEA_ARRAY),
                    (&own.amounts, Type::INT8_ARRAY),
                    (&own.limits, Type::INT8_ARRAY),
                    (&own.windows, Type::INT8_ARRAY),
                    (&record.body, Type::BYTEA),
                    (&charges.names, Type::BYTEA_ARRAY),
                    (&charges.amounts, Type::INT8_ARRAY),
                    (&charges.limits, Type::INT8_ARRAY),
                    (&charges.windows, Type::INT8_ARRAY),
                    (&now.as_micros(), Type::INT8),
                    (&self.0.drift(), Type::INT8),
                ],
            )
            .await?;
        match get::<i32>(&row, "outcome")? {
            0 => Ok(Inserted::Exists),
            1 => Ok(Inserted::Refused(over(&row)?)),
            2 => Ok(Inserted::Inserted),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn attempt(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Attempted, StoreError> {
        let sql = "SELECT * FROM sspr.attempt($1, $2, $3, $4, $5, $6, $7)";
        let row = self.row_on(sql, id, charges, now).await?;
        match get::<i32>(&row, "outcome")? {
            0 => Ok(Attempted::Missing),
            1 => Ok(Attempted::Dead),
            2 => Ok(Attempted::Exhausted),
            3 => Ok(Attempted::Charged { over: over(&row)?, record: stored(&row)? }),
            4 => Ok(Attempted::Refused(over(&row)?)),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn load(
        &self,
        id: &RecordId,
        charges: &[Charge],
        now: Timestamp,
    ) -> Result<Loaded, StoreError> {
        if charges.is_empty() {
            let sql = "SELECT version, expires_at, touched_at, tries, body FROM sspr.record \
                       WHERE id = $1";
            let rows = self.0.rows(sql, &[(&&id.as_bytes()[..], Type::BYTEA)]).await;
            let rows = rows.map_err(StoreError::of_a_read)?;
            return rows.first().map_or(Ok(Loaded::Missing), |row| stored(row).map(Loaded::Found));
        }
        let sql = "SELECT * FROM sspr.load($1, $2, $3, $4, $5, $6, $7)";
        let row = self.row_on(sql, id, charges, now).await?;
        match get::<i32>(&row, "outcome")? {
            0 => Ok(Loaded::Missing),
            1 => Ok(Loaded::Refused(over(&row)?)),
            2 => Ok(Loaded::Found(stored(&row)?)),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn compare_and_swap(
        &self,
        next: &Record,
        expected: u64,
        charges: &[Charge],
        clear: &[CounterName],
        now: Timestamp,
    ) -> Result<Swapped, StoreError> {
        let (own, charges) = (Charges::sorted(&next.charges), Charges::sorted(charges));
        let clear: Vec<&[u8]> = clear.iter().map(|name| &name.as_bytes()[..]).collect();
        // No stored version is this large, so the swap answers with the stored one.
        let expected = i64::try_from(expected).unwrap_or(i64::MAX);
        let row = self
            .0
            .row(
                "SELECT * FROM sspr.compare_and_swap($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, \
                 $11, $12, $13, $14, $15, $16, $17, $18)",
                &[
                    (&&next.id.as_bytes()[..], Type::BYTEA),
                    (&expected, Type::INT8),
                    (&next.expires_at.as_micros(), Type::INT8),
                    (&i64::from(next.tries_limit), Type::INT8),
                    (&next.begins_challenge, Type::BOOL),
                    (&own.tiers, Type::INT2_ARRAY),
                    (&own.names, Type::BYTEA_ARRAY),
                    (&own.amounts, Type::INT8_ARRAY),
                    (&own.limits, Type::INT8_ARRAY),
                    (&own.windows, Type::INT8_ARRAY),
                    (&next.body, Type::BYTEA),
                    (&charges.names, Type::BYTEA_ARRAY),
                    (&charges.amounts, Type::INT8_ARRAY),
                    (&charges.limits, Type::INT8_ARRAY),
                    (&charges.windows, Type::INT8_ARRAY),
                    (&clear, Type::BYTEA_ARRAY),
                    (&now.as_micros(), Type::INT8),
                    (&self.0.drift(), Type::INT8),
                ],
            )
            .await?;
        match get::<i32>(&row, "outcome")? {
            0 => Ok(Swapped::Missing),
            1 => Ok(Swapped::Conflict { version: unsigned(&row, "found_version")? }),
            2 => Ok(Swapped::Refused(over(&row)?)),
            3 => Ok(Swapped::Swapped { version: unsigned(&row, "found_version")? }),
            _ => Err(errors::damaged("outcome")),
        }
    }

    async fn charge(&self, charges: &[Charge], now: Timestamp) -> Result<Vec<Over>, StoreError> {
        let charges = Charges::sorted(charges);
        let row = self
            .0
            .row(
                "SELECT * FROM sspr.charge($1, $2, $3, $4, $5, $6, $7)",
                &[
                    (&charges.tiers, Type::INT2_ARRAY),
                    (&charges.names, Type::BYTEA_ARRAY),
                    (&charges.amounts, Type::INT8_ARRAY),
                    (&charges.limits, Type::INT8_ARRAY),
                    (&charges.windows, Type::INT8_ARRAY),
                    (&now.as_micros(), Type::INT8),
                    (&self.0.drift(), Type::INT8),
                ],
            )
            .await?;
        over(&row)
    }

    async fn delete_expired(&self, now: Timestamp, limit: usize) -> Result<usize, StoreError> {
        let row = self
            .0
            .row(
                "SELECT sspr.delete_expired($1, $2, $3, $4) AS removed",
                &[
                    (&now.before(SWEEP_MARGIN).as_micros(), Type::INT8),
                    (&i64::try_from(limit).unwrap_or(i64::MAX), Type::INT8),
                    (&now.as_micros(), Type::INT8),
                    (&self.0.drift(), Type::INT8),
                ],
            )
            .await?;
        usize::try_from(get::<i64>(&row, "removed")?).map_err(|_| errors::damaged("count"))
    }
}

fn stored(row: &Row) -> Result<StoredRecord, StoreError> {
    Ok(StoredRecord {
        body: get(row, "body")?,
        expires_at: instant(row, "expires_at")?,
        touched_at: instant(row, "touched_at")?,
        tries: u32::try_from(get::<i64>(row, "tries")?).unwrap_or(u32::MAX),
        version: unsigned(row, "version")?,
    })
}
