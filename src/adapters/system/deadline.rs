//! A time limit that no change of the wall clock moves.

use std::time::{Duration, Instant};

/// A period of monotonic time, for connections whose thread blocks.
#[derive(Clone, Copy, Debug)]
pub(in crate::adapters) struct Deadline {
    began: Instant,
    limit: Duration,
}

impl Deadline {
    /// Starts a period that begins now.
    #[expect(clippy::disallowed_methods, reason = "this is the clock")]
    pub(in crate::adapters) fn after(limit: Duration) -> Self {
        Self { began: Instant::now(), limit }
    }

    /// Returns the time since the beginning.
    pub(in crate::adapters) fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// Returns the remaining time, or `None` once it is over.
    pub(in crate::adapters) fn left(&self) -> Option<Duration> {
        self.limit.checked_sub(self.elapsed()).filter(|left| !left.is_zero())
    }
}
