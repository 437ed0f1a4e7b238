//! A code store, a demo user store, an outbox and demo sessions in one SQLite file.
//!
//! One thread owns the writing connection and commits waiting jobs together. A second thread reads.
//! Commits are durable (`synchronous = FULL`), so an answered call survives a loss of power.

mod audit;
mod charges;
mod codes;
mod connections;
mod errors;
mod policies;
mod rows;
mod schema;
mod sessions;
#[cfg(test)]
mod statements_tests;
mod store;
mod users;
mod worker;

pub use audit::SqliteAudit;
pub use codes::SqliteCodes;
pub use policies::SqlitePolicies;
pub use store::SqliteStore;
pub use users::SqliteUsers;
