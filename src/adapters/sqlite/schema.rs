//! Opening the file, and bringing its schema up to date.

use std::{path::Path, time::Duration};

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::errors;
use crate::ports::{StoreError, StoreErrorKind};

/// The migrations in order. They are append-only.
const MIGRATIONS: [&str; 7] = [
    include_str!("migrations/0001.sql"),
    include_str!("migrations/0002.sql"),
    include_str!("migrations/0003.sql"),
    include_str!("migrations/0004.sql"),
    include_str!("migrations/0005.sql"),
    include_str!("migrations/0006.sql"),
    include_str!("migrations/0007.sql"),
];
/// The time that a connection waits for another process's transaction.
const PATIENCE: Duration = Duration::from_secs(5);

/// Returns the writing connection, after updating the schema and limiting the size of the file.
pub(super) fn writer(path: &Path, bytes: u64) -> Result<Connection, StoreError> {
    let mut connection = Connection::open(path).map_err(errors::statement)?;
    prepare(&connection, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;")?;
    migrate(&mut connection)?;
    let page: u32 = connection
        .query_row("PRAGMA page_size", [], |row| row.get(0))
        .map_err(errors::statement)?;
    let pages = u32::try_from(bytes / u64::from(page.max(1))).unwrap_or(u32::MAX - 1);
    connection
        .query_row(&format!("PRAGMA max_page_count = {pages}"), [], |_| Ok(()))
        .map_err(errors::statement)?;
    Ok(connection)
}

/// Returns the reading connection.
pub(super) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).map_err(errors::statement)?;
    prepare(&connection, "PRAGMA query_only = ON;")?;
    Ok(connection)
}

fn prepare(connection: &Connection, pragmas: &str) -> Result<(), StoreError> {
    connection.busy_timeout(PATIENCE).map_err(errors::statement)?;
    connection.set_prepared_statement_cache_capacity(64);
    connection.execute_batch(pragmas).map_err(errors::statement)
}

/// Runs all missing migrations in one transaction, so that processes that start together migrate
/// once.
fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let mut migrated = || -> Result<Option<u32>, rusqlite::Error> {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(
            "CREATE TABLE IF NOT EXISTS sspr_migration (number INTEGER PRIMARY KEY) STRICT",
        )?;
        let done: u32 = transaction.query_row(
            "SELECT coalesce(max(number), 0) FROM sspr_migration",
            [],
            |row| row.get(0),
        )?;
        let known = u32::try_from(MIGRATIONS.len()).unwrap_or(u32::MAX);
        if done > known {
            return Ok(Some(done));
        }
        for (number, sql) in (1..=known).zip(MIGRATIONS).skip_while(|(number, _)| *number <= done) {
            transaction.execute_batch(sql)?;
            transaction.execute("INSERT INTO sspr_migration VALUES (?1)", [number])?;
        }
        transaction.commit().map(|()| None)
    };
    match migrated().map_err(errors::statement)? {
        None => Ok(()),
        Some(newer) => Err(StoreError::new(
            StoreErrorKind::Setup,
            format!(
                "sqlite: the database has schema version {newer}, and this release knows {}; use \
                 a newer release",
                MIGRATIONS.len()
            ),
        )),
    }
}
