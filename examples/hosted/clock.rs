//! The system's clock, which tests may move.

use std::{
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use sspr::{
    adapters::SystemClock,
    domain::Timestamp,
    ports::{Clock, Sleep},
};
use tokio::sync::Notify;

/// The system's clock, moved ahead or back. Clones share one time.
#[derive(Clone, Debug, Default)]
pub struct ShiftedClock(Arc<Shift>);

#[derive(Debug, Default)]
struct Shift {
    seconds: AtomicI64,
    moved: Notify,
}

impl ShiftedClock {
    /// Moves the clock, and lets everybody who sleeps look at it again.
    pub fn shift(&self, seconds: i64) {
        let moved = |shift: i64| Some(shift.saturating_add(seconds));
        let _ = self.0.seconds.fetch_update(Ordering::SeqCst, Ordering::SeqCst, moved);
        self.0.moved.notify_waiters();
    }

    fn shifted(&self, instant: Timestamp, seconds: i64) -> Timestamp {
        let by = Duration::from_secs(seconds.unsigned_abs());
        if seconds < 0 { instant.before(by) } else { instant.after(by) }
    }

    fn seconds(&self) -> i64 {
        self.0.seconds.load(Ordering::SeqCst)
    }
}

impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        self.shifted(SystemClock::new().now(), self.seconds())
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep {
        let clock = self.clone();
        Box::pin(async move {
            loop {
                // Before the clock is read, so that no move is missed in between.
                let moved = clock.0.moved.notified();
                if clock.now() >= instant {
                    return;
                }
                let alarm = clock.shifted(instant, clock.seconds().saturating_neg());
                tokio::select! {
                    () = SystemClock::new().sleep_until(alarm) => {}
                    () = moved => {}
                }
            }
        })
    }
}
