//! The schema `sspr`. Its migrations are numbered, and each runs once. A check makes sure that all
//! of them have run.

use tokio_postgres::Transaction;

use super::{errors, pool::Connections, rows::get};
use crate::ports::{StoreError, StoreErrorKind};

/// The migrations in order. They are append-only.
const MIGRATIONS: [&str; 9] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
    include_str!("migrations/0008.sql"),
    include_str!("migrations/0009.sql"),
];
/// The advisory lock that is held while migrating, so that processes that start together migrate
/// once. It is "sspr" in ASCII.
const LOCK: i64 = 0x7373_7072;

/// Returns the number of migrations that this release knows.
fn known() -> i32 {
    i32::try_from(MIGRATIONS.len()).unwrap_or(i32::MAX)
}

/// Runs all missing migrations in one transaction.
pub(super) async fn migrate(connections: &Connections) -> Result<(), StoreError> {
    check_encoding(connections).await?;
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

/// Takes the lock, and returns how many migrations have run before.
async fn begin(transaction: &Transaction<'_>) -> Result<i32, tokio_postgres::Error> {
    // `IF NOT EXISTS` requires the right to create even if there is nothing to do.
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

/// Checks the encoding of the database and its migrations. All that this release needs must have
/// run, and none of a newer release.
pub(super) async fn check(connections: &Connections) -> Result<(), StoreError> {
    check_encoding(connections).await?;
    let sql = "SELECT to_regclass('sspr.migration') IS NOT NULL AS there";
    let there = connections.row(sql, &[]).await.map_err(StoreError::of_a_read)?;
    if !get::<bool>(&there, "there")? {
        return Err(missing());
    }
    let sql = "SELECT coalesce(max(number), 0) AS done, count(*)::integer AS count \
               FROM sspr.migration";
    let row = connections.row(sql, &[]).await.map_err(StoreError::of_a_read)?;
    let (done, count): (i32, i32) = (get(&row, "done")?, get(&row, "count")?);
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

/// Checks that every address and name can be stored. Encodings other than UTF-8 refuse letters, or
/// check nothing.
async fn check_encoding(connections: &Connections) -> Result<(), StoreError> {
    let sql = "SELECT current_setting('server_encoding') AS encoding";
    let row = connections.row(sql, &[]).await.map_err(StoreError::of_a_read)?;
    let encoding: &str = get(&row, "encoding")?;
    if encoding == "UTF8" {
        return Ok(());
    }
    Err(StoreError::new(
        StoreErrorKind::Setup,
        format!(
            "postgres: the database's encoding is {encoding}, which cannot keep every address; \
             create it with ENCODING 'UTF8'"
        ),
    ))
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
