//! How long single calls take, and whether it was the scheduler that took it.

use std::{
    fmt::{self, Display, Formatter},
    fs,
    time::{Duration, Instant},
};

/// Upper edges of the columns, in microseconds. What is longer stands in the last one.
const EDGES: [u64; 5] = [1, 10, 100, 300, 1000];

/// Calls by how long they took.
#[derive(Default)]
pub struct Pauses {
    columns: [u64; EDGES.len() + 1],
    longest: Duration,
    /// Calls of more than 300 µs of which another process had the core for half the time.
    robbed: u64,
    waited: Duration,
    since_read: u32,
}

impl Pauses {
    pub const HEAD: &str = "| what | < 1 µs | < 10 | < 100 | < 300 µs | < 1 ms | more | longest µs | core taken away |\n\
         |---|---|---|---|---|---|---|---|---|";

    /// Times one call.
    pub fn time<T>(&mut self, call: impl FnOnce() -> T) -> T {
        // What the scheduler took before this call is not held against it.
        if self.since_read == 0 {
            self.waited = waited();
        }
        self.since_read = (self.since_read + 1) % 512;
        let began = Instant::now();
        let answer = call();
        let took = began.elapsed();

        if took > Duration::from_micros(300) {
            let before = std::mem::replace(&mut self.waited, waited());
            if (self.waited - before) * 2 > took {
                self.robbed += 1;
                return answer;
            }
        }
        let column = EDGES.iter().position(|edge| took < Duration::from_micros(*edge));
        self.columns[column.unwrap_or(EDGES.len())] += 1;
        self.longest = self.longest.max(took);
        answer
    }

    pub fn longest_micros(&self) -> f64 {
        self.longest.as_nanos() as f64 / 1e3
    }
}

impl Display for Pauses {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.columns.iter().try_for_each(|count| write!(f, "{count} | "))?;
        write!(f, "{:.0} | {} |", self.longest_micros(), self.robbed)
    }
}

/// How long this thread has been ready to run while others ran.
fn waited() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().nth(1).and_then(|field| field.parse().ok());
    Duration::from_nanos(nanos.unwrap_or(0))
}
