//! The time that mails take, which is how long a decoy keeps its slot.

use core::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A slowly moving average of the time that it takes to hand a mail over.
#[derive(Debug, Default)]
pub(super) struct Pace(AtomicU64);

impl Pace {
    pub(super) fn get(&self) -> Duration {
        Duration::from_micros(self.0.load(Ordering::Relaxed))
    }

    pub(super) fn set(&self, latest: Duration) {
        let latest = u64::try_from(latest.as_micros()).unwrap_or(u64::MAX);
        let before = self.0.load(Ordering::Relaxed);
        let average = (before / 4).saturating_mul(3).saturating_add(latest / 4);
        self.0.store(if before == 0 { latest } else { average }, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_mail_counts_whole_and_each_later_one_a_quarter() {
        let pace = Pace::default();
        assert_eq!(pace.get(), Duration::ZERO);

        pace.set(Duration::from_secs(8));
        assert_eq!(pace.get(), Duration::from_secs(8));

        pace.set(Duration::from_secs(4));
        assert_eq!(pace.get(), Duration::from_secs(7));
    }
}
