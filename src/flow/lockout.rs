//! The sign-in lockout, which counts wrong passwords of one account or of one unknown address.

use core::time::Duration;

use crate::domain::Timestamp;

/// The failures of one account or address, charged before each comparison.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lockout {
    /// The number of failures since the last success.
    pub failures: u32,
    /// The number of locks so far.
    pub lockouts: u32,
    /// The time until which sign-ins are locked.
    pub locked_until: Option<Timestamp>,
    /// The latest time that the lockout has seen.
    pub touched_at: Timestamp,
}

/// The numbers that decide when and for how long a lockout locks.
#[derive(Clone, Copy, Debug)]
pub struct LockoutTerms {
    /// The number of failures from which on each one locks.
    pub threshold: u32,
    /// The duration of the first lock. Each further lock lasts twice as long.
    pub first: Duration,
    /// The longest duration of a lock.
    pub longest: Duration,
}

impl Lockout {
    /// Charges one try as a failure, until the comparison shows otherwise.
    ///
    /// # Errors
    /// The time until which sign-ins are locked. Nothing is charged then.
    pub fn charge(&self, terms: &LockoutTerms, now: Timestamp) -> Result<Self, Timestamp> {
        let now = now.latest(self.touched_at);
        if let Some(until) = self.locked_until.filter(|until| now < *until) {
            return Err(until);
        }
        let failures = self.failures.saturating_add(1);
        let mut next = Self { failures, locked_until: None, touched_at: now, ..*self };
        if failures >= terms.threshold {
            let doubled = terms.first.saturating_mul(1_u32.checked_shl(self.lockouts).unwrap_or(0));
            let lasts = if doubled.is_zero() { terms.longest } else { doubled.min(terms.longest) };
            next.locked_until = Some(now.after(lasts));
            next.lockouts = self.lockouts.saturating_add(1);
        }
        Ok(next)
    }

    /// Returns the state with `count` failures taken back. Locks that they caused are lifted.
    #[must_use]
    pub fn without(&self, count: u32, terms: &LockoutTerms, now: Timestamp) -> Self {
        let failures = self.failures.saturating_sub(count);
        // Each failure from the threshold on has caused one lock.
        let lockouts = failures.saturating_sub(terms.threshold.saturating_sub(1));
        Self {
            failures,
            locked_until: self.locked_until.filter(|_| lockouts > 0),
            lockouts: lockouts.min(self.lockouts),
            touched_at: now.latest(self.touched_at),
        }
    }

    /// Returns the state after a right password.
    #[must_use]
    pub fn cleared(&self, now: Timestamp) -> Self {
        Self { touched_at: now.latest(self.touched_at), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TERMS: LockoutTerms = LockoutTerms {
        first: Duration::from_secs(60),
        longest: Duration::from_secs(5 * 3600),
        threshold: 10,
    };

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn failed(times: u32) -> Lockout {
        (0..times).fold(Lockout::default(), |state, _| state.charge(&TERMS, at(0)).unwrap())
    }

    #[test]
    fn the_tenth_failure_locks_for_a_minute() {
        let state = failed(10);

        assert_eq!(failed(9).locked_until, None);
        assert_eq!(state.locked_until, Some(at(60)));
        assert_eq!(state.charge(&TERMS, at(59)), Err(at(60)));
        assert!(state.charge(&TERMS, at(60)).is_ok());
    }

    #[test]
    fn each_further_failure_locks_twice_as_long_up_to_five_hours() {
        let mut state = failed(10);
        let mut lasted = Vec::new();
        for _ in 0..40 {
            let now = state.locked_until.unwrap();
            state = state.charge(&TERMS, now).unwrap();
            lasted.push(state.locked_until.unwrap().since(now).as_secs());
        }

        assert_eq!(lasted[..3], [120, 240, 480]);
        assert_eq!(lasted[39], 5 * 3600);
        assert!(lasted.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn a_clock_that_runs_back_unlocks_nothing() {
        let state = failed(10);
        let later = state.charge(&TERMS, at(100)).unwrap();

        assert_eq!(later.locked_until, Some(at(220)));
        assert_eq!(later.charge(&TERMS, at(-5)), Err(at(220)));
    }

    #[test]
    fn failures_that_are_taken_back_lift_the_lock_that_they_brought_about() {
        let state = failed(9);
        assert_eq!(state.without(9, &TERMS, at(5)), state.cleared(at(5)));
        assert_eq!(state.without(1, &TERMS, at(5)), Lockout { touched_at: at(5), ..failed(8) });

        let locked = failed(10);
        let lifted = locked.without(1, &TERMS, at(5));
        assert_eq!((lifted.failures, lifted.lockouts, lifted.locked_until), (9, 0, None));

        let twice = locked.charge(&TERMS, at(60)).unwrap();
        let once = twice.without(1, &TERMS, at(61));
        assert_eq!((once.failures, once.lockouts, once.locked_until), (10, 1, twice.locked_until));
        assert_eq!(twice.without(99, &TERMS, at(61)), twice.cleared(at(61)));
    }

    #[test]
    fn a_success_clears_everything_but_the_time() {
        let state = failed(10).cleared(at(5));

        assert_eq!((state.failures, state.lockouts, state.locked_until), (0, 0, None));
        assert_eq!(state.touched_at, at(5));
    }
}
