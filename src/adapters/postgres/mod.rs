//! Everything in a Postgres database, schema `sspr`: code store, reference user store, outbox,
//! sessions. Each verb is one statement in one round trip, and one transaction of its own.

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

pub use codes::PostgresCodes;
pub use options::{PostgresOptions, PostgresUrlError};
pub use store::PostgresStore;
pub use users::PostgresUsers;
