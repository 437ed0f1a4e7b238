//! Stores in this process's memory, for tests, demonstrations and services of one process.
//!
//! The data ends with the process. Within the process, the contracts hold as on any other store.

mod audit;
mod blocks;
mod codes;
mod counters;
mod events;
mod held;
mod index;
mod queue;
mod shard;
mod shards;
mod users;

pub use audit::MemoryAudit;
pub use codes::{MemoryCodes, Usage};
pub use events::MemoryEvents;
pub use users::MemoryUsers;
