//! Port: the time.

use core::{future::Future, pin::Pin};

use crate::domain::Timestamp;

/// A future that ends when an instant is reached.
pub type Sleep = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What tells the time, and waits.
///
/// *Security*: a clock that jumps back revives nothing: every record and counter remembers the
/// latest instant it has seen. A clock that jumps ahead ends lifetimes early.
///
/// *Suite*: `clock_conformance!` (feature `conformance`).
pub trait Clock: Send + Sync + core::fmt::Debug {
    /// The current instant. Need not be monotonic.
    fn now(&self) -> Timestamp;

    /// Waits until `instant`; used by the courier only, for pauses between tries.
    ///
    /// The future must be cheap to drop, and must end even if the clock jumps past the instant. When
    /// the clock steps back, it should wake its task: the courier then looks at the clock and waits
    /// no longer than it meant to. If it does not, the courier notices the step at its next wake-up.
    fn sleep_until(&self, instant: Timestamp) -> Sleep;
}
