//! The arithmetic of one counter.

use super::shard::Ends;
use crate::domain::{Charge, Over, Timestamp};

/// A value and the end of its window.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Counter {
    pub(super) value: u64,
    pub(super) ends_at: Timestamp,
    pub(super) touched_at: Timestamp,
}

impl Counter {
    /// Returns the counter after a charge, or the error that it is over. `None` means that the
    /// counter does not exist yet.
    pub(super) fn charged(
        before: Option<&Self>,
        charge: &Charge,
        now: Timestamp,
    ) -> Result<Self, Over> {
        let now = before.map_or(now, |counter| now.latest(counter.touched_at));
        let live = before.filter(|counter| now < counter.ends_at);
        let ends_at = live.map_or(now.after(charge.window), |counter| counter.ends_at);
        let value = live.map_or(0, |counter| counter.value) + u64::from(charge.amount);
        if value > u64::from(charge.limit) {
            return Err(Over { ends_at, name: charge.name });
        }
        Ok(Self { ends_at, touched_at: now, value })
    }

    /// Resets the counter, so that its next charge begins a new window. It keeps the latest time
    /// that it has seen.
    pub(super) fn clear(&mut self, now: Timestamp) {
        let now = now.latest(self.touched_at);
        *self = Self { ends_at: now, touched_at: now, value: 0 };
    }
}

impl Ends for Counter {
    fn end(&self) -> Timestamp {
        self.ends_at.latest(self.touched_at)
    }
}
