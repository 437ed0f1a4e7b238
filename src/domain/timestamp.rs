//! Points in time in whole microseconds, so that every store agrees on the exact end of a lifetime.

use core::time::Duration;

use time::OffsetDateTime;

/// A point in time: microseconds since 1970-01-01T00:00:00Z.
///
/// Arithmetic saturates, so a timestamp never wraps around into the past.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The latest timestamp.
    pub const MAX: Self = Self(i64::MAX);
    /// The earliest timestamp.
    pub const MIN: Self = Self(i64::MIN);

    /// Returns the timestamp `micros` microseconds after the epoch.
    #[must_use]
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Returns the microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Returns the timestamp of a civil time, without its nanoseconds.
    #[must_use]
    pub fn from_civil(civil: OffsetDateTime) -> Self {
        Self(i64::try_from(civil.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX))
    }

    /// Returns the civil time in UTC. Beyond the year 9999, returns the last civil time that can be
    /// represented.
    #[must_use]
    pub fn to_civil(self) -> OffsetDateTime {
        OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000)
            .unwrap_or(time::PrimitiveDateTime::MAX.assume_utc())
    }

    /// Returns the later of two timestamps.
    #[must_use]
    pub const fn latest(self, other: Self) -> Self {
        if self.0 >= other.0 { self } else { other }
    }

    /// Returns this timestamp plus `duration`, at most [`Timestamp::MAX`].
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }

    /// Returns this timestamp minus `duration`.
    #[must_use]
    pub fn before(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }

    /// Returns the time from `earlier` to this timestamp, or zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// Returns how many whole periods of length `long` have passed since the epoch. Returns zero
    /// before the epoch.
    pub(crate) fn turn(self, long: Duration) -> u64 {
        let since = self.since(Self(0)).as_micros();
        since.checked_div(long.as_micros()).map_or(0, |turn| u64::try_from(turn).unwrap_or(0))
    }
}

/// Returns the whole microseconds of a duration, at most `i64::MAX`.
fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arithmetic_saturates_at_both_ends() {
        assert_eq!(Timestamp::MAX.after(Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(5).since(Timestamp::from_micros(9)), Duration::ZERO);
        let start = Timestamp::from_micros(i64::MIN);
        assert_eq!(start.before(Duration::MAX), start);
    }

    #[test]
    fn civil_time_round_trips_to_the_microsecond() {
        let instant = Timestamp::from_micros(1_795_000_000_123_456);
        assert_eq!(Timestamp::from_civil(instant.to_civil()), instant);
    }

    #[test]
    fn an_instant_beyond_the_calendar_is_its_last_day() {
        assert_eq!(Timestamp::MAX.to_civil().year(), 9999);
    }

    #[test]
    fn instants_move_by_whole_microseconds() {
        let at = Timestamp::from_micros;
        let second = Duration::from_secs(1);
        assert_eq!(at(5).after(second), at(1_000_005));
        assert_eq!(at(1_000_005).before(second), at(5));
        assert_eq!(at(1_000_005).since(at(5)), second);
        assert_eq!((at(1).latest(at(2)), at(2).latest(at(1))), (at(2), at(2)));
        assert_eq!(at(5).after(Duration::from_nanos(1_999)), at(6));
        assert_eq!(at(1_500_000).to_civil().unix_timestamp_nanos(), 1_500_000_000);
    }
}
