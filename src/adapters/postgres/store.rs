//! One Postgres database.

use super::{
    PostgresAudit, PostgresCodes, PostgresOptions, PostgresUsers, pool::Connections, schema,
};
use crate::ports::StoreError;

/// A Postgres database that holds everything, for any number of processes. Clones share its
/// connections.
///
/// The store needs the tokio runtime. It works through PgBouncer in transaction mode, because it
/// keeps nothing in a session. An answered call is as durable as the server's `synchronous_commit`.
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
    /// The least privileges that a service's role needs, as SQL. Run it after each migration, because a
    /// migration may add a table.
    pub const ROLES: &str = include_str!("roles.sql");

    /// Brings the schema `sspr` up to date: runs all missing migrations or none. Any number of
    /// processes may do so at once. Needs a role that may create a schema, which
    /// [`PostgresStore::open`] does not need.
    ///
    /// To use your own tool, do these steps in one transaction:
    ///
    /// * Create the schema and `sspr.migration (number integer PRIMARY KEY)`.
    /// * Run the files of the folder `src/adapters/postgres/migrations` of this package in the
    ///   order of their names.
    /// * Insert the number of each file (1, 2, …) into that table.
    ///
    /// # Errors
    /// [`StoreError`] says what to do if the server is not reachable, refuses, or is of a newer
    /// release.
    pub async fn migrate(options: &PostgresOptions) -> Result<(), StoreError> {
        schema::migrate(&Connections::new(options)?).await
    }

    /// Connects, and checks that the schema is the one that this release needs.
    ///
    /// # Errors
    /// [`StoreError`] says what to do if the server is not reachable, refuses, is not migrated, or
    /// is of a newer release.
    ///
    /// # Examples
    /// ```
    /// use sspr::adapters::{PostgresOptions, PostgresStore};
    ///
    /// async fn open() -> Result<PostgresStore, Box<dyn std::error::Error>> {
    ///     let url = std::env::var("DATABASE_URL")?;
    ///     let options = PostgresOptions::from_url(&url)?;
    ///     Ok(PostgresStore::open(&options).await?)
    /// }
    /// ```
    pub async fn open(options: &PostgresOptions) -> Result<Self, StoreError> {
        let connections = Connections::new(options)?;
        schema::check(&connections).await?;
        Ok(Self(connections))
    }

    /// Returns an audit log in the same database, which keeps each record for 90 days.
    #[must_use]
    pub fn audit(&self) -> PostgresAudit {
        PostgresAudit::over(self.0.clone())
    }

    /// Returns the store for resets and counters.
    #[must_use]
    pub fn codes(&self) -> PostgresCodes {
        PostgresCodes::over(self.0.clone())
    }

    /// Returns a user store with an outbox and sessions in the same database. It is a reference,
    /// and serves services without a users table.
    #[must_use]
    pub fn users(&self) -> PostgresUsers {
        PostgresUsers::over(self.0.clone())
    }
}
