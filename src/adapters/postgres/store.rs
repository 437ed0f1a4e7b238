//! One Postgres database.

use super::{PostgresCodes, PostgresOptions, PostgresUsers, pool::Connections, schema};
use crate::ports::StoreError;

/// A Postgres database that holds everything, for any number of processes. Clones share its
/// connections.
///
/// Needs the tokio runtime. Works through PgBouncer in transaction mode: nothing is kept in a
/// session. What was answered is as durable as the server's `synchronous_commit`.
///
/// ```
/// # use sspr::adapters::{PostgresOptions, PostgresStore};
/// # async fn open() -> Result<(), Box<dyn std::error::Error>> {
/// let options = PostgresOptions::from_url("postgres://app:secret@db.example/shop")?;
/// PostgresStore::migrate(&options).await?; // or with your own tool, see there
/// let store = PostgresStore::open(&options).await?;
/// let (codes, users) = (store.codes(), store.users());
/// # let _ = (codes, users);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct PostgresStore(Connections);

impl PostgresStore {
    /// The least that a service's role needs, as SQL: run it after the migrations.
    pub const ROLES: &str = include_str!("roles.sql");

    /// Brings the schema `sspr` up to date: all that is missing or nothing. Any number of
    /// processes may do so at once. Needs a role that may create a schema; `open` does not.
    ///
    /// With your own tool: create the schema and `sspr.migration (number integer PRIMARY KEY)`, run
    /// the files of the folder `src/adapters/postgres/migrations` of this package in the order of
    /// their names, and insert the number of each (1, 2, …) into that table; all in one transaction.
    ///
    /// # Errors
    /// [`StoreError`] says what to do: not reachable, refused, or of a newer release.
    pub async fn migrate(options: &PostgresOptions) -> Result<(), StoreError> {
        schema::migrate(&Connections::new(options)?).await
    }

    /// Connects, and checks that the schema is the one that this release needs.
    ///
    /// # Errors
    /// [`StoreError`] says what to do: not reachable, refused, not migrated, or of a newer release.
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let connections = Connections::new(options)?;
        schema::check(&connections).await?;
        Ok(Self(connections))
    }

    /// Where resets and counters live.
    #[must_use]
    pub fn codes(&self) -> PostgresCodes {
        PostgresCodes::over(self.0.clone())
    }

    /// A user store with an outbox and sessions in the same database: a reference, and for
    /// services that have no users table yet.
    #[must_use]
    pub fn users(&self) -> PostgresUsers {
        PostgresUsers::over(self.0.clone())
    }
}
