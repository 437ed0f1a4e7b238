//! The code store in Redis or Valkey: one server, Cluster, or behind Sentinel. Each verb is one
//! script, one round trip.

mod codes;
mod connection;
mod errors;
mod options;
mod pack;
mod script;

pub use codes::RedisCodes;
pub use options::{RedisOptions, RedisUrlError};
