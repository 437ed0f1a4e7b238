//! Two sets of times: whether they differ, and by how much at most.

/// Beyond this both tests must be for a difference to count (TVLA's 4.5).
const BEYOND: f64 = 4.5;
/// Standard errors to either side of a difference: 99.9 %.
const SIDES: f64 = 3.29;

/// What is said of two sets.
#[derive(Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They differ by more than the bound.
    Apart,
    /// They differ by less than the bound.
    Alike,
    /// Too few samples, or too noisy a machine.
    Unclear,
}

/// Ours against theirs, in seconds.
#[derive(Debug)]
pub struct Comparison {
    /// Of the means without the slowest tenth of both together: what the scheduler did.
    pub difference: f64,
    pub error: f64,
    pub welch: f64,
    pub mann_whitney: f64,
}

impl Comparison {
    pub fn of(ours: &[f64], theirs: &[f64]) -> Self {
        let mut all: Vec<f64> = ours.iter().chain(theirs).copied().collect();
        all.sort_by(f64::total_cmp);
        let cut = all[all.len() * 9 / 10];
        let crop = |times: &[f64]| -> Vec<f64> {
            times.iter().copied().filter(|time| *time <= cut).collect()
        };
        let ((a, a_error), (b, b_error)) = (mean(&crop(ours)), mean(&crop(theirs)));
        let error = a_error.hypot(b_error);
        let difference = a - b;
        Self {
            difference,
            error,
            welch: difference / error,
            mann_whitney: rank_sum(ours, theirs, &all),
        }
    }

    pub fn verdict(&self, bound: f64) -> Verdict {
        let beyond = self.welch.abs() > BEYOND && self.mann_whitney.abs() > BEYOND;
        if beyond && self.difference.abs() > bound {
            Verdict::Apart
        } else if self.difference.abs() + SIDES * self.error < bound {
            Verdict::Alike
        } else {
            Verdict::Unclear
        }
    }
}

/// Mean, and its standard error.
fn mean(times: &[f64]) -> (f64, f64) {
    let count = times.len() as f64;
    let mean = times.iter().sum::<f64>() / count;
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, (squares / (count - 1.0) / count).sqrt())
}

/// The z of Mann and Whitney's test. Ties, of which a clock of nanoseconds gives few, take the
/// mean of their ranks.
fn rank_sum(ours: &[f64], theirs: &[f64], sorted: &[f64]) -> f64 {
    let rank = |time: f64| {
        let below = sorted.partition_point(|other| *other < time);
        let up_to = sorted.partition_point(|other| *other <= time);
        (below + up_to + 1) as f64 / 2.0
    };
    let (n, m) = (ours.len() as f64, theirs.len() as f64);
    let ranks: f64 = ours.iter().map(|time| rank(*time)).sum();
    (ranks - n * (n + m + 1.0) / 2.0) / (n * m * (n + m + 1.0) / 12.0).sqrt()
}
