//! The time and randomness of the system. No other module reads them.

mod clock;
#[cfg(feature = "smtp")]
mod deadline;
mod entropy;

pub use clock::SystemClock;
#[cfg(feature = "smtp")]
pub(in crate::adapters) use deadline::Deadline;
pub use entropy::SystemEntropy;
