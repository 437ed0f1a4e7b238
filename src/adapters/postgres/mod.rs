//! A code store, a reference user store, an outbox and sessions in the schema `sspr` of a Postgres
//! database. Each verb is one statement in one round trip, with its own transaction.

mod audit;
mod codes;
mod errors;
mod options;
mod pool;
mod rows;
mod schema;
mod sessions;
mod store;
mod tls;
mod users;

pub use audit::PostgresAudit;
pub use codes::PostgresCodes;
pub use options::{PostgresOptions, PostgresUrlError};
pub use store::PostgresStore;
pub use users::PostgresUsers;
