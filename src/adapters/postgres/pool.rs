//! Connections, and statements on them.

use std::time::Duration;

use deadpool_postgres::{Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime, Timeouts};
use tokio_postgres::{
    Row,
    types::{ToSql, Type},
};

use super::{errors, options::PostgresOptions, tls::Tls};
use crate::ports::{StoreError, StoreErrorKind};

/// Repeats of a transaction that the server itself undid.
const REPEATS: u32 = 8;

/// A value and its type: no statement is prepared under a name, so a pooler may stand between.
pub(super) type Value<'v> = (&'v (dyn ToSql + Sync), Type);

#[derive(Clone, Debug)]
pub(super) struct Connections {
    pool: Pool,
    patience: Duration,
    drift: Option<i64>,
}

impl Connections {
    pub(super) fn new(options: &PostgresOptions) -> Result<Self, StoreError> {
        let tls = Tls::new(options.roots.as_deref())?;
        let manager = Manager::from_config(
            options.config.clone(),
            tls,
            ManagerConfig { recycling_method: RecyclingMethod::Fast },
        );
        let patience = Some(options.patience);
        let pool = Pool::builder(manager)
            .max_size(options.connections)
            .runtime(Runtime::Tokio1)
            .timeouts(Timeouts { create: patience, recycle: patience, wait: patience })
            .build();
        let pool = pool.map_err(|error| {
            StoreError::new(StoreErrorKind::Setup, "postgres: no pool of connections")
                .with_source(error)
        })?;
        let drift = options.drift.map(|drift| i64::try_from(drift.as_micros()).unwrap_or(i64::MAX));
        Ok(Self { drift, patience: options.patience, pool })
    }

    /// By how many microseconds a caller's clock may differ; `None` is not checked.
    pub(super) const fn drift(&self) -> Option<i64> {
        self.drift
    }

    pub(super) async fn connection(&self) -> Result<Object, StoreError> {
        self.pool.get().await.map_err(errors::connection)
    }

    /// Runs one statement that answers rows, in one round trip.
    pub(super) async fn rows(
        &self,
        sql: &str,
        values: &[Value<'_>],
    ) -> Result<Vec<Row>, StoreError> {
        let mut repeats = 0;
        loop {
            let connection = self.connection().await?;
            let query = connection.query_typed(sql, values);
            match tokio::time::timeout(self.patience, query).await {
                Ok(Ok(rows)) => return Ok(rows),
                Ok(Err(error)) if errors::may_be_repeated(&error) && repeats < REPEATS => {
                    repeats += 1;
                }
                Ok(Err(error)) => return Err(errors::statement(error)),
                Err(_) => {
                    // Nobody waits for its answer: it must not serve the next caller.
                    drop(Object::take(connection));
                    return Err(errors::too_long());
                }
            }
        }
    }

    /// The one row that a function answers.
    pub(super) async fn row(&self, sql: &str, values: &[Value<'_>]) -> Result<Row, StoreError> {
        let rows = self.rows(sql, values).await?;
        rows.into_iter().next().ok_or_else(|| errors::damaged("answer"))
    }
}
