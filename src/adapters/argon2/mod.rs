//! Argon2id on a bounded pool of threads, each with memory that it reuses.

mod cost;
#[cfg(feature = "argon2-rust")]
mod fast;
mod hashing;
mod kernel;
mod pool;
#[cfg(any(test, feature = "argon2-rust"))]
mod vectors;

pub use cost::ParametersError;
pub use pool::{Argon2Kernel, Argon2Pool};
