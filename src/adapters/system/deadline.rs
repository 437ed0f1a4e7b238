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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_shrinks_from_the_limit_to_nothing() {
        let hour = Duration::from_secs(3_600);
        let deadline = Deadline::after(hour);
        let begun = (0..u32::MAX).find(|_| !deadline.elapsed().is_zero());
        assert!(begun.is_some());
        let left = deadline.left().unwrap();
        assert!(left < hour && left > hour / 2, "{left:?}");
        assert_eq!(Deadline::after(Duration::ZERO).left(), None);
    }
}
