//! The system's time and randomness: the only place that reads either.

mod clock;
#[cfg(feature = "smtp")]
mod deadline;
mod entropy;

pub use clock::SystemClock;
#[cfg(feature = "smtp")]
pub(in crate::adapters) use deadline::Deadline;
pub use entropy::SystemEntropy;
