//! The system's time and randomness: the only place that reads either.

mod clock;
mod entropy;

pub use clock::SystemClock;
pub use entropy::SystemEntropy;
