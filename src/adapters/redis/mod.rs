//! The code store in Redis or Valkey, on one server, in a Cluster or behind Sentinel. Each verb is
//! one script and one round trip.

mod codes;
mod connection;
mod errors;
mod options;
mod pack;
mod script;

pub use codes::RedisCodes;
pub use options::{RedisOptions, RedisUrlError};
