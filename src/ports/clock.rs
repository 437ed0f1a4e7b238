//! Port: the clock.

use core::{future::Future, pin::Pin};

use crate::domain::Timestamp;

/// A future that ends when a time is reached.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A clock that tells the time and waits.
///
/// The suite `clock_conformance!` (feature `conformance`) tests an implementation.
///
/// # Security
/// A clock that jumps back revives nothing, because every record and counter remembers the latest
/// time that it has seen. A clock that jumps ahead ends lifetimes early.
pub trait Clock: Send + Sync + core::fmt::Debug {
    /// Returns the current time. It need not be monotonic.
    fn now(&self) -> Timestamp;

    /// Waits until `instant`. Only the courier calls it, for its pauses.
    ///
    /// The future must be cheap to drop. It must also end if the clock jumps past the time. When the
    /// clock steps back, the future should wake its task, so that the courier can shorten the pause.
    /// Otherwise the courier notices the step only when it wakes up.
    fn sleep_until(&self, instant: Timestamp) -> Sleep;
}
