//! The connections, and the statements on them.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use tokio_postgres::{
    Client, Row,
    types::{ToSql, Type},
};

use super::{errors, options::PostgresOptions, tls::Tls};
use crate::ports::{StoreError, StoreErrorKind};

/// The most repeats of a transaction that the server itself undid.
const REPEATS: u32 = 8;

/// A value and its type. Statements are not prepared under a name, so that a pooler may stand
/// between.
pub(super) type Value<'v> = (&'v (dyn ToSql + Sync), Type);

#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: Pool,
    patience: Duration,
    drift: Option<i64>,
}

/// The progress of a call. It decides which error the caller gets when its time is over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The call waits for a connection, and nothing has happened.
    Waiting,
    /// The server has been asked.
    Asked,
}

/// A connection with a statement under way.
///
/// If it is dropped before the statement has ended, it closes the connection. A caller that goes
/// away therefore leaves no statement to the next caller.
struct Busy(Option<Object>);

impl Connections {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        let tls = Tls::new(options.roots.as_deref())?;
        let manager = Manager::from_config(
            options.config.clone(),
            tls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .create_timeout(Some(options.patience))
            .build();
        let pool = pool.map_err(|error| {
            StoreError::new(StoreErrorKind::Setup, "postgres: no pool of connections")
                .with_source(error)
        })?;
        let drift = options.drift.map(|drift| i64::try_from(drift.as_micros()).unwrap_or(i64::MAX));
        Ok(Self { drift, patience: options.patience, pool })
    }

    /// Returns how many microseconds a caller's clock may differ, or `None` if the clock is not
    /// checked.
    pub(super) const fn drift(&self) -> Option<i64> {
        self.drift
    }

    pub(super) async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(errors::connection)
    }

    /// Runs one statement that returns rows, in one round trip. Ends within the patience of this
    /// store, including repeats and the wait for a connection.
    pub(super) async fn rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let mut stage = Stage::Waiting;
        let asked = tokio::time::timeout(self.patience, self.ask(sql, values, &mut stage)).await;
        asked.unwrap_or_else(|_| Err(errors::too_long(stage == Stage::Asked)))
    }

    async fn ask(
        &self,
        sql: &str,
        values: &[Value<'_>],
        stage: &mut Stage,
    ) -> Result<Vec<Row>, StoreError> {
        let mut repeats = 0;
        loop {
            *stage = Stage::Waiting;
            let busy = Busy(Some(self.connection().await?));
            *stage = Stage::Asked;
            let Some(client) = busy.client() else { return Err(errors::damaged("connection")) };
            let answer = client.query_typed(sql, values).await;
            if answer.as_ref().err().is_none_or(errors::leaves_the_connection) {
                busy.ended();
            }
            match answer {
                Ok(rows) => return Ok(rows),
                Err(error) if errors::may_be_repeated(&error) && repeats < REPEATS => repeats += 1,
                Err(error) => return Err(errors::statement(error)),
            }
        }
    }

    /// Returns the one row that a function answers.
    pub(super) async fn row(&self, sql: &str, values: &[Value<'_>]) -> Result<Row, StoreError> {
        let rows = self.rows(sql, values).await?;
        rows.into_iter().next().ok_or_else(|| errors::damaged("answer"))
    }
}

impl Busy {
    fn client(&self) -> Option<&Client> {
        self.0.as_ref().map(|connection| &***connection)
    }

    /// Gives the connection back to the pool, because the server has answered.
    fn ended(mut self) {
        drop(self.0.take());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        if let Some(connection) = self.0.take() {
            drop(Object::take(connection));
        }
    }
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
