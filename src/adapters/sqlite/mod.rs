//! Everything in one SQLite file: code store, demo user store, outbox, demo sessions.
//!
//! One thread owns the writing connection and commits what waits together; a second one reads.
//! Commits are durable (`synchronous = FULL`): what was answered survives a loss of power.

mod charges;
mod codes;
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

pub use codes::SqliteCodes;
pub use policies::SqlitePolicies;
pub use store::SqliteStore;
pub use users::SqliteUsers;
