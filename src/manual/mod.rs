//! The manual, chapter by chapter.
//!
//! - [`concepts`]: the words, the journey, what each call may answer
//! - [`hashing`]: slow hashes: the pool, the fast kernel, what stays in memory
//! - [`operations`]: many processes: clocks, keys, upgrades, backups, what to watch
//! - [`scale`]: what one server carries, and the next step

#[doc = include_str!("concepts.md")]
pub mod concepts {}

#[doc = include_str!("hashing.md")]
pub mod hashing {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("scale.md")]
pub mod scale {}
