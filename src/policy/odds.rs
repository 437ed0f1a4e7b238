//! The arithmetic of guessing.

use core::fmt;

use super::Limits;

/// The number of short codes.
const CODES: f64 = 100_000_000.0;

/// The probability that an attacker succeeds who guesses at every opportunity, from any number of
/// networks and with any number of spellings.
///
/// The model makes these assumptions:
///
/// * A window of comparisons starts at its first comparison, so any 24 hours can touch two windows.
///   In the same way, any year can touch two windows of the streak.
/// * Past the tenant's threshold, no short code of the tenant is compared until the day's window
///   ends. This includes codes that were already sent.
/// * A process adds up its count every few seconds. It stops by itself at one threshold that it has
///   not added up, so the threshold is counted twice.
/// * Each further process, and each restarted one, can add one threshold in a burst of those
///   seconds.
/// * A year touches 366 such windows.
/// * Long codes (6.5e20) do not change the result visibly.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Odds {
    /// The probability per code.
    pub challenge: f64,
    /// The probability per account and day.
    pub account_day: f64,
    /// The probability per account and year without a right code.
    pub account_year: f64,
    /// The probability per tenant and year that any account falls.
    pub tenant_year: f64,
    /// The number of guesses behind [`account_day`](Self::account_day).
    pub guesses_per_account_day: u64,
    /// The number of guesses behind [`account_year`](Self::account_year).
    pub guesses_per_account_year: u64,
    /// The number of guesses behind [`tenant_year`](Self::tenant_year).
    pub guesses_per_tenant_year: u64,
}

impl Odds {
    pub(super) fn of(limits: &Limits) -> Self {
        let per_day = 2 * u64::from(limits.tries_per_window);
        let per_account_year = 2 * u64::from(limits.tries_per_streak);
        let per_tenant_year = 2 * 366 * u64::from(limits.tenant_tries);
        Self {
            account_day: probability(per_day),
            account_year: probability(per_account_year),
            challenge: probability(u64::from(limits.tries_per_challenge)),
            guesses_per_account_day: per_day,
            guesses_per_account_year: per_account_year,
            guesses_per_tenant_year: per_tenant_year,
            tenant_year: probability(per_tenant_year),
        }
    }
}

impl Odds {
    /// Returns a probability as "1 time in …".
    #[must_use]
    pub fn one_in(probability: f64) -> String {
        grouped(&format!("{:.0}", 1.0 / probability))
    }
}

/// Returns the digits of a number with a comma before every three of them.
pub(crate) fn grouped(digits: &str) -> String {
    let mut grouped = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && digits.len().wrapping_sub(index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

impl fmt::Display for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let one_in = |probability: f64| 1.0 / probability;
        writeln!(f, "Somebody who guesses at every opportunity gets in")?;
        writeln!(f, "  with one code           1 time in {:>13.0}", one_in(self.challenge))?;
        writeln!(f, "  to one account, a day   1 time in {:>13.0}", one_in(self.account_day))?;
        writeln!(f, "  to one account, a year  1 time in {:>13.0}", one_in(self.account_year))?;
        write!(f, "  to any account, a year  1 time in {:>13.0}", one_in(self.tenant_year))
    }
}

/// Returns the probability of at least one hit among independent guesses at 8-digit codes.
fn probability(guesses: u64) -> f64 {
    let guesses = u32::try_from(guesses).map_or(f64::from(u32::MAX), f64::from);
    -(guesses * (-1.0 / CODES).ln_1p()).exp_m1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_have_the_odds_that_the_documents_state() {
        let odds = Odds::of(&Limits::default());
        let near = |got: f64, stated: f64| (got / stated - 1.0).abs() < 0.01;
        assert!(near(odds.challenge, 5e-8));
        assert!(near(odds.account_day, 3e-7));
        assert!(near(odds.account_year, 2e-6));
        assert!(near(odds.tenant_year, 7.29e-3));
    }

    #[test]
    fn what_can_be_guessed_is_twice_what_a_window_allows() {
        let odds = Odds::of(&Limits::default());
        assert_eq!((odds.guesses_per_account_day, odds.guesses_per_account_year), (30, 200));
        assert_eq!(odds.guesses_per_tenant_year, 732_000);
    }

    #[test]
    fn odds_are_told_in_whole_and_grouped_numbers() {
        for (probability, told) in
            [(1.0, "1"), (0.001, "1,000"), (1e-2, "100"), (5e-8, "20,000,000")]
        {
            assert_eq!(Odds::one_in(probability), told);
        }
        let told = Odds::of(&Limits::default()).to_string();
        let limits: Vec<&str> =
            told.lines().skip(1).filter_map(|line| line.split_whitespace().last()).collect();
        assert_eq!(limits, ["20000000", "3333334", "500000", "137"]);
    }
}
