//! The suite for clocks. A clock tells the time, and its sleeps end.

use core::time::Duration;
use std::sync::Arc;

use super::{
    case_result::{CaseResult, hold},
    clauses,
};
use crate::{domain::Timestamp, ports::Clock};

clauses! {
    /// One clause of the clock's contract.
    ClockCase over ClockBench;
    /// Makes one test for each clause of the clock's contract. The argument is a function from
    /// [`ClockCase`](crate::conformance::ClockCase) to [`CaseResult`](crate::conformance::CaseResult).
    clock_conformance;
    in self:
        it_tells_a_time_of_this_century
        a_sleep_that_is_over_ends_at_once
        a_sleep_ends_not_before_its_instant
        a_dropped_sleep_leaves_the_others_alone
        parallel_sleeps_all_end;
}

type Advance = Arc<dyn Fn(Duration) + Send + Sync>;

/// A clock under test.
#[derive(Clone)]
pub struct ClockBench {
    clock: Arc<dyn Clock>,
    advance: Advance,
}

impl core::fmt::Debug for ClockBench {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("ClockBench").field(&self.clock).finish()
    }
}

impl ClockBench {
    /// Creates a bench for a clock that runs on its own.
    #[must_use]
    pub fn new(clock: impl Clock + 'static) -> Self {
        Self { advance: Arc::new(|_| ()), clock: Arc::new(clock) }
    }

    /// Tells the bench how to advance a clock that stands still.
    #[must_use]
    pub fn moved_by(mut self, advance: impl Fn(Duration) + Send + Sync + 'static) -> Self {
        self.advance = Arc::new(advance);
        self
    }
}

/// A pause that is long enough to fall asleep and short enough for a test.
const NAP: Duration = Duration::from_millis(20);

async fn it_tells_a_time_of_this_century(bench: &ClockBench) -> CaseResult {
    let (from, to) = (1_577_836_800_000_000, 4_102_444_800_000_000);
    let now = bench.clock.now().as_micros();
    hold((from..to).contains(&now), || format!("{now} microseconds after 1970"))
}

async fn a_sleep_that_is_over_ends_at_once(bench: &ClockBench) -> CaseResult {
    let now = bench.clock.now();
    for instant in
        [now, now.before(NAP), Timestamp::from_micros(0), Timestamp::from_micros(i64::MIN)]
    {
        bench.clock.sleep_until(instant).await;
    }
    Ok(())
}

async fn a_sleep_ends_not_before_its_instant(bench: &ClockBench) -> CaseResult {
    for _ in 0..5 {
        let until = bench.clock.now().after(NAP);
        let sleep = bench.clock.sleep_until(until);
        (bench.advance)(NAP);
        sleep.await;
        let now = bench.clock.now();
        hold(now >= until, || format!("woke {:?} too early", until.since(now)))?;
    }
    Ok(())
}

async fn a_dropped_sleep_leaves_the_others_alone(bench: &ClockBench) -> CaseResult {
    let until = bench.clock.now().after(NAP);
    let (kept, dropped) = (bench.clock.sleep_until(until), bench.clock.sleep_until(until));
    drop(dropped);
    drop(bench.clock.sleep_until(Timestamp::MAX));
    (bench.advance)(NAP);
    kept.await;
    Ok(())
}

async fn parallel_sleeps_all_end(bench: &ClockBench) -> CaseResult {
    let now = bench.clock.now();
    let sleeps = (0..100_u32).map(|number| bench.clock.sleep_until(now.after(NAP * number / 50)));
    let sleeps: Vec<_> = sleeps.collect();
    (bench.advance)(NAP * 2);
    futures_util::future::join_all(sleeps).await;
    Ok(())
}
