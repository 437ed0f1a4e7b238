//! A clock that is off by some seconds, as clocks are.

use std::time::Duration;

use sspr::{
    adapters::SystemClock,
    domain::Timestamp,
    ports::{Clock, Sleep},
};

#[derive(Clone, Copy, Debug)]
pub struct ClockOff(pub i64);

impl Clock for ClockOff {
    fn now(&self) -> Timestamp {
        let off = Duration::from_secs(self.0.unsigned_abs());
        let now = SystemClock::new().now();
        if self.0 < 0 { now.before(off) } else { now.after(off) }
    }

    fn sleep_until(&self, instant: Timestamp) -> Sleep {
        let off = Duration::from_secs(self.0.unsigned_abs());
        let instant = if self.0 < 0 { instant.after(off) } else { instant.before(off) };
        SystemClock::new().sleep_until(instant)
    }
}
