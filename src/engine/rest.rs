//! Pauses by a clock that may step back.

use core::{future::poll_fn, task::Poll, time::Duration};

use crate::{domain::Timestamp, ports::Clock};

/// The step back of a clock that is tolerated. Anything beyond it counts as a step.
pub(super) const STEP: Duration = Duration::from_secs(1);

/// Waits until `until`. Ends early if the clock steps back behind the beginning, because otherwise
/// the wait would last too long.
pub(super) async fn rest(clock: &dyn Clock, until: Timestamp) {
    let began = clock.now();
    let mut sleep = clock.sleep_until(until);
    poll_fn(|context| {
        if has_stepped_back(began, clock.now()) {
            return Poll::Ready(());
        }
        sleep.as_mut().poll(context)
    })
    .await;
}

/// Returns true if a clock has stepped back since it showed `before`.
pub(super) fn has_stepped_back(before: Timestamp, now: Timestamp) -> bool {
    now.after(STEP) < before
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;
    use crate::adapters::ManualClock;

    #[test]
    fn a_rest_ends_at_its_instant_or_when_the_clock_steps_back() {
        let clock = ManualClock::new(Timestamp::from_micros(10_000_000));
        let mut resting = Box::pin(rest(&clock, Timestamp::from_micros(20_000_000)));
        assert!(resting.as_mut().now_or_never().is_none());
        clock.set(Timestamp::from_micros(9_000_000));
        assert!(resting.as_mut().now_or_never().is_none(), "a second is no step");
        clock.set(Timestamp::from_micros(8_999_999));
        assert!(resting.as_mut().now_or_never().is_some());

        let mut resting = Box::pin(rest(&clock, Timestamp::from_micros(20_000_000)));
        clock.set(Timestamp::from_micros(19_999_999));
        assert!(resting.as_mut().now_or_never().is_none());
        clock.set(Timestamp::from_micros(20_000_000));
        assert!(resting.now_or_never().is_some());
    }
}
