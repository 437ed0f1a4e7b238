//! The guess budget and the lifetimes, refused where the odds are too bad.

use core::{fmt, time::Duration};

use thiserror::Error;

use super::Odds;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Every number of the guess budget, checked against its own arithmetic.
///
/// `Display` prints the odds in plain words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    numbers: Numbers,
}

/// The numbers themselves: change one with struct update syntax and hand them to [`Limits::new`].
///
/// ```
/// use sspr::policy::{Limits, Numbers};
///
/// let limits = Limits::new(Numbers { tries_per_challenge: 3, ..Numbers::default() })?;
/// # assert_eq!(limits.numbers().tries_per_challenge, 3);
/// # Ok::<(), sspr::policy::LimitsError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Numbers {
    /// Of a code: 10 minutes (OWASP ASVS 5.0, 6.5.5).
    pub code_lifetime: Duration,
    /// Of a reset, for sending codes: one hour.
    pub reset_lifetime: Duration,
    /// Of a grant: 10 minutes (Entra's `expires_in`).
    pub grant_lifetime: Duration,
    /// Of a ticket: 5 minutes.
    pub ticket_lifetime: Duration,
    /// Tries of one code: 5 (ASVS 6.6.3).
    pub tries_per_challenge: u32,
    /// Comparisons of short codes in a window: 15.
    pub tries_per_window: u32,
    /// That window: 24 hours.
    pub tries_window: Duration,
    /// Comparisons of short codes between right ones: 100 (NIST SP 800-63B-4, 3.2.2).
    pub tries_per_streak: u32,
    /// How long they are remembered: 365 days.
    pub streak_window: Duration,
    /// Between two sends of one reset: 60 seconds.
    pub resend_cooldown: Duration,
    /// Codes to one address from one network in a window: 5. An IPv6 /56, which providers give one
    /// subscriber, is one network here.
    pub sends_per_address_and_network: u32,
    /// Codes to one address in a window: 20.
    pub sends_per_address: u32,
    /// That window: 24 hours.
    pub sends_window: Duration,
    /// Codes asked for by one network in its window: 60.
    pub sends_per_network: u32,
    /// Resets opened by one network in its window: 120.
    pub opens_per_network: u32,
    /// The window of networks: one hour.
    pub network_window: Duration,
    /// Codes and passwords tried by one network in its window: 600.
    pub network_tries: u32,
    /// How much more an IPv6 /56, which providers give one subscriber, may than a /64: 4 times.
    pub subscriber_network_factor: u32,
    /// How much more an IPv6 /48 may than a /64: 40 times. A lower number than four times
    /// `subscriber_network_factor` counts as that, so that no subscriber closes the door for its
    /// neighbours.
    pub wide_network_factor: u32,
    /// Codes in the trusted lane, per device and window: 10.
    pub sends_per_device: u32,
    /// Codes in the vouched lane, per network and window: 10.
    pub sends_per_vouch: u32,
    /// Mails to one account in a window and lane (a device or a network in the lanes that have
    /// them), whatever was typed: 40. Silent.
    pub sends_per_account: u32,
    /// Mails to one account in a window from all its trusted devices together: 60. Silent.
    pub trusted_sends_per_account: u32,
    /// Slow hashes that one grant buys: 10. A submit takes one, or two where the current password
    /// is refused; the last one is kept back for a submit that has begun.
    pub submits_per_grant: u32,
    /// Wrong tries of a whole tenant in a day, past which codes are longer: 1,000.
    pub tenant_tries: u32,
    /// Wrong passwords that lock sign-in: 10 (Entra's smart lockout).
    pub lockout_threshold: u32,
    /// How long the first lock lasts: 60 seconds (Entra); each further one twice as long.
    pub lockout_first: Duration,
    /// The longest lock: 5 hours (Azure AD B2C).
    pub lockout_longest: Duration,
    /// How long wrong passwords are remembered after a lock: 24 hours.
    pub lockout_memory: Duration,
}

/// Numbers that are refused, with the reason. `field` is a field of [`Numbers`].
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[non_exhaustive]
pub enum LimitsError {
    /// A number lies outside what its source allows.
    #[error("limits: `{field}` {rule}")]
    Bound {
        /// The number's field.
        field: &'static str,
        /// What it must be.
        rule: &'static str,
    },
    /// Guessing is too likely to succeed.
    #[error(
        "limits: somebody who guesses at every opportunity succeeds with probability \
         {probability:.1e} {whose}, and the bound is {bound:.0e}: {guesses} guesses at one of \
         100,000,000 codes; lower `{field}`"
    )]
    Odds {
        /// "per account and day" or "per tenant and year".
        whose: &'static str,
        /// Guesses in that time.
        guesses: u64,
        /// The probability.
        probability: f64,
        /// What it may be at the most.
        bound: f64,
        /// The field to lower.
        field: &'static str,
    },
}

impl Limits {
    /// Checks the numbers and their odds.
    ///
    /// # Errors
    /// [`LimitsError`] names the field and the rule, or shows the arithmetic.
    pub fn new(numbers: Numbers) -> Result<Self, LimitsError> {
        numbers.check()?;
        let odds = Odds::of(&numbers);
        let bounds = [
            ("per account and day", odds.guesses_per_account_day, odds.account_day, 1e-6),
            ("per tenant and year", odds.guesses_per_tenant_year, odds.tenant_year, 1e-2),
        ];
        let fields = ["tries_per_window", "tenant_tries"];
        for ((whose, guesses, probability, bound), field) in bounds.into_iter().zip(fields) {
            if probability > bound {
                return Err(LimitsError::Odds { bound, field, guesses, probability, whose });
            }
        }
        Ok(Self { numbers })
    }

    /// The numbers.
    #[must_use]
    pub const fn numbers(&self) -> &Numbers {
        &self.numbers
    }

    /// What somebody achieves who guesses at every opportunity.
    #[must_use]
    pub fn odds(&self) -> Odds {
        Odds::of(&self.numbers)
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = &self.numbers;
        writeln!(f, "{}", self.odds())?;
        write!(
            f,
            "To use up the {} codes that an address may be sent in a day, strangers need at least \
             {} networks; a device that has signed in before, and a solved captcha, still get \
             through.",
            numbers.sends_per_address,
            numbers.sends_per_address.div_ceil(numbers.sends_per_address_and_network),
        )
    }
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            code_lifetime: MINUTE * 10,
            grant_lifetime: MINUTE * 10,
            lockout_first: MINUTE,
            lockout_longest: HOUR * 5,
            lockout_memory: DAY,
            lockout_threshold: 10,
            network_tries: 600,
            network_window: HOUR,
            opens_per_network: 120,
            resend_cooldown: MINUTE,
            reset_lifetime: HOUR,
            sends_per_account: 40,
            sends_per_address: 20,
            sends_per_address_and_network: 5,
            sends_per_device: 10,
            sends_per_network: 60,
            sends_per_vouch: 10,
            sends_window: DAY,
            streak_window: DAY * 365,
            subscriber_network_factor: 4,
            submits_per_grant: 10,
            tenant_tries: 1000,
            ticket_lifetime: MINUTE * 5,
            tries_per_challenge: 5,
            tries_per_streak: 100,
            tries_per_window: 15,
            tries_window: DAY,
            trusted_sends_per_account: 60,
            wide_network_factor: 40,
        }
    }
}

impl Numbers {
    fn check(&self) -> Result<(), LimitsError> {
        let counts = [
            ("tries_per_window", self.tries_per_window),
            ("sends_per_address_and_network", self.sends_per_address_and_network),
            ("sends_per_address", self.sends_per_address),
            ("sends_per_network", self.sends_per_network),
            ("opens_per_network", self.opens_per_network),
            ("network_tries", self.network_tries),
            ("subscriber_network_factor", self.subscriber_network_factor),
            ("trusted_sends_per_account", self.trusted_sends_per_account),
            ("wide_network_factor", self.wide_network_factor),
            ("sends_per_device", self.sends_per_device),
            ("sends_per_vouch", self.sends_per_vouch),
            ("sends_per_account", self.sends_per_account),
            ("tenant_tries", self.tenant_tries),
            ("lockout_threshold", self.lockout_threshold),
        ];
        for (field, count) in counts {
            bound(count >= 1, field, "must be at least 1")?;
        }
        let tries = (1..=10).contains(&self.tries_per_challenge);
        bound(tries, "tries_per_challenge", "must be 1 to 10 (OWASP ASVS 6.6.3)")?;
        let streak = (1..=100).contains(&self.tries_per_streak);
        bound(streak, "tries_per_streak", "must be 1 to 100 (NIST SP 800-63B-4, 3.2.2)")?;
        let submits = (2..=10).contains(&self.submits_per_grant);
        bound(submits, "submits_per_grant", "must be 2 to 10")?;
        let durations = [
            ("code_lifetime", self.code_lifetime, MINUTE, DAY, "must be 1 minute to 24 hours"),
            ("reset_lifetime", self.reset_lifetime, MINUTE, DAY, "must be 1 minute to 24 hours"),
            ("grant_lifetime", self.grant_lifetime, MINUTE, MINUTE * 15, "must be 1 to 15 minutes"),
            (
                "ticket_lifetime",
                self.ticket_lifetime,
                MINUTE / 6,
                MINUTE * 15,
                "must be 10 seconds to 15 minutes",
            ),
            ("tries_window", self.tries_window, DAY, DAY * 7, "must be 1 to 7 days"),
            ("streak_window", self.streak_window, DAY * 365, DAY * 3650, "must be 1 to 10 years"),
            (
                "resend_cooldown",
                self.resend_cooldown,
                MINUTE / 2,
                HOUR,
                "must be 30 seconds to 1 hour",
            ),
            ("sends_window", self.sends_window, HOUR, DAY * 7, "must be 1 hour to 7 days"),
            ("network_window", self.network_window, MINUTE, DAY, "must be 1 minute to 24 hours"),
            ("lockout_first", self.lockout_first, MINUTE / 6, HOUR, "must be 10 seconds to 1 hour"),
            (
                "lockout_longest",
                self.lockout_longest,
                self.lockout_first,
                DAY,
                "must be at least `lockout_first`, at most 24 hours",
            ),
            ("lockout_memory", self.lockout_memory, HOUR, DAY * 30, "must be 1 hour to 30 days"),
        ];
        for (field, value, least, most, rule) in durations {
            // A document has seconds: a fraction would be lost where it is stored.
            bound(value.subsec_nanos() == 0, field, "must be whole seconds")?;
            bound((least..=most).contains(&value), field, rule)?;
        }
        Ok(())
    }
}

fn bound(holds: bool, field: &'static str, rule: &'static str) -> Result<(), LimitsError> {
    if holds { Ok(()) } else { Err(LimitsError::Bound { field, rule }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(numbers: Numbers) -> String {
        Limits::new(numbers).unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_hold_their_own_bounds() {
        assert_eq!(Limits::new(Numbers::default()), Ok(Limits::default()));
    }

    #[test]
    fn a_number_out_of_bounds_is_named() {
        let none = Numbers { tries_per_window: 0, ..Numbers::default() };
        assert_eq!(error(none), "limits: `tries_per_window` must be at least 1");
        let many = Numbers { tries_per_challenge: 11, ..Numbers::default() };
        assert!(error(many).contains("`tries_per_challenge` must be 1 to 10"));
        let long = Numbers { code_lifetime: DAY * 2, ..Numbers::default() };
        assert!(error(long).contains("`code_lifetime`"));
    }

    #[test]
    fn a_fraction_of_a_second_is_refused_because_no_document_holds_it() {
        let numbers =
            Numbers { code_lifetime: MINUTE + Duration::from_millis(1), ..Numbers::default() };
        assert_eq!(error(numbers), "limits: `code_lifetime` must be whole seconds");
    }

    #[test]
    fn bad_odds_are_refused_with_their_arithmetic() {
        let lavish = Numbers { tries_per_window: 60, ..Numbers::default() };
        let text = error(lavish);
        assert!(text.contains("120 guesses") && text.contains("1.2e-6"), "{text}");
        let careless = Numbers { tenant_tries: 2_000, ..Numbers::default() };
        assert!(error(careless).contains("per tenant and year"));
    }

    #[test]
    fn display_says_from_how_many_networks_an_owner_can_be_kept_waiting() {
        assert!(Limits::default().to_string().contains("at least 4 networks"));
    }
}
