//! The schema `sspr`: numbered migrations, each run once, and the check that they all were.

use tokio_postgres::{Transaction, error::SqlState};

use super::{errors, pool::Connections};
use crate::ports::{StoreError, StoreErrorKind};

/// In order; append only.
const MIGRATIONS: [&str; 2] =
    [include_str!("migrations/0001.sql"), include_str!("migrations/0002.sql")];
/// Held while migrating, so that processes that start at once do it once: "sspr" in ASCII.
const LOCK: i64 = 0x7373_7072;

/// How many migrations this release knows.
fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Runs what is missing, all of it or nothing.
pub(super) async fn migrate(connections: &Connections) -> Result<(), StoreError> {
    let mut connection = connections.connection().await?;
    let transaction = connection.transaction().await.map_err(errors::statement)?;
    let done = begin(&transaction).await.map_err(errors::statement)?;
    if done > known() {
        return Err(newer(done));
    }
    for (number, sql) in (1..).zip(MIGRATIONS).filter(|(number, _)| *number > done) {
        transaction.batch_execute(sql).await.map_err(errors::statement)?;
        let noted = format!("INSERT INTO sspr.migration (number) VALUES ({number})");
        transaction.batch_execute(&noted).await.map_err(errors::statement)?;
    }
    transaction.commit().await.map_err(errors::statement)
}

/// Takes the lock, and tells how many migrations were run before.
async fn begin(transaction: &Transaction<'_>) -> Result<i32, tokio_postgres::Error> {
    // `IF NOT EXISTS` asks for the right to create even where there is nothing to do.
    let sql = format!(
        "SELECT pg_advisory_xact_lock({LOCK});
         DO $$ BEGIN
           IF to_regclass('sspr.migration') IS NULL THEN
             CREATE SCHEMA IF NOT EXISTS sspr;
             CREATE TABLE sspr.migration (number integer PRIMARY KEY);
           END IF;
         END $$"
    );
    transaction.batch_execute(&sql).await?;
    done(transaction).await
}

async fn done(transaction: &Transaction<'_>) -> Result<i32, tokio_postgres::Error> {
    let sql = "SELECT coalesce(max(number), 0) FROM sspr.migration";
    let rows = transaction.query_typed(sql, &[]).await?;
    rows.first().map_or(Ok(0), |row| row.try_get(0))
}

/// That every migration that this release needs was run, and none of a newer release.
pub(super) async fn check(connections: &Connections) -> Result<(), StoreError> {
    let connection = connections.connection().await?;
    let sql = "SELECT coalesce(max(number), 0), count(*)::integer FROM sspr.migration";
    let rows = match connection.query_typed(sql, &[]).await {
        Ok(rows) => rows,
        Err(error) if is_missing(error.code()) => return Err(missing()),
        Err(error) => return Err(errors::statement(error)),
    };
    let (done, count): (i32, i32) = match rows.first() {
        Some(row) => {
            (row.try_get(0).map_err(errors::column)?, row.try_get(1).map_err(errors::column)?)
        }
        None => (0, 0),
    };
    if done > known() {
        Err(newer(done))
    } else if done < known() || count != done {
        Err(StoreError::new(
            StoreErrorKind::Setup,
            format!(
                "postgres: the schema sspr is at version {done} with {count} migrations run, and \
                 this release needs {}; run `PostgresStore::migrate`",
                known()
            ),
        ))
    } else {
        Ok(())
    }
}

fn is_missing(code: Option<&SqlState>) -> bool {
    let codes = [SqlState::UNDEFINED_TABLE, SqlState::INVALID_SCHEMA_NAME];
    code.is_some_and(|code| codes.contains(code))
}

fn missing() -> StoreError {
    StoreError::new(
        StoreErrorKind::Setup,
        "postgres: the database has no schema sspr; run `PostgresStore::migrate` as its owner",
    )
}

fn newer(done: i32) -> StoreError {
    StoreError::new(
        StoreErrorKind::Setup,
        format!(
            "postgres: the schema sspr is at version {done}, and this release knows {}; use a \
             newer release",
            known()
        ),
    )
}
