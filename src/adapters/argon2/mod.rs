//! Argon2id on a bounded pool of threads, each with one reused block buffer.

mod hashing;
mod pool;

pub use hashing::ParametersError;
pub use pool::Argon2Pool;
