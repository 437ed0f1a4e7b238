//! The guess budget and the lifetimes. Limits with too high odds for an attacker are refused.

use core::{fmt, time::Duration};

use thiserror::Error;

use super::Odds;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

/// Declares each limit once: its meaning and source, its default, its bounds. Makes the fields, the
/// getters of [`Limits`] and the setters of [`LimitsBuilder`] from it.
macro_rules! limits {
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr, $bounds:expr, $rule:literal;)+) => {
        /// A tenant's guess budget and lifetimes, checked against their own arithmetic.
        ///
        /// [`Limits::default`] has the values that the manual recommends. [`Limits::builder`] changes
        /// some of them. `Display` prints the odds of an attacker in plain words.
        ///
        /// ```
        /// use sspr::policy::Limits;
        ///
        /// let limits = Limits::builder().tries_per_challenge(3).build()?;
        /// assert_eq!(limits.tries_per_challenge(), 3);
        /// # Ok::<(), sspr::policy::LimitsError>(())
        /// ```
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub struct Limits {
            $(pub(crate) $name: $type,)+
        }

        /// Sets limits that differ from the defaults.
        #[derive(Clone, Copy, Debug, Default)]
        #[must_use = "`build` checks the limits and returns them"]
        pub struct LimitsBuilder(Limits);

        impl Default for Limits {
            fn default() -> Self {
                Self { $($name: $default,)+ }
            }
        }

        impl Limits {
            $(
                $(#[doc = $doc])+
                #[must_use]
                pub const fn $name(&self) -> $type {
                    self.$name
                }
            )+

            fn check_bounds(&self) -> Result<(), LimitsError> {
                $(
                    let field = stringify!($name);
                    // A document holds whole seconds, so a fraction would be lost when it is
                    // stored.
                    bound(self.$name.is_whole(), field, "must be whole seconds")?;
                    bound(($bounds).contains(&self.$name), field, $rule)?;
                )+
                Ok(())
            }
        }

        impl LimitsBuilder {
            $(
                $(#[doc = $doc])+
                #[doc = concat!("\n\nThe value ", $rule, ".")]
                pub const fn $name(mut self, $name: $type) -> Self {
                    self.0.$name = $name;
                    self
                }
            )+
        }
    };
}

limits! {
    /// How long a code stays valid. Default: 10 minutes. Source: OWASP ASVS 5.0, 6.5.5.
    code_lifetime: Duration = MINUTE * 10, MINUTE..=DAY, "must be 1 minute to 24 hours";
    /// How long new codes can be requested for one reset. Default: 1 hour.
    reset_lifetime: Duration = HOUR, MINUTE..=DAY, "must be 1 minute to 24 hours";
    /// How long a grant stays valid. Default: 10 minutes. Source: the `expires_in` of Entra.
    grant_lifetime: Duration = MINUTE * 10, MINUTE..=MINUTE * 15, "must be 1 to 15 minutes";
    /// How long a ticket stays valid. Default: 5 minutes.
    ticket_lifetime: Duration = MINUTE * 5, MINUTE / 6..=MINUTE * 15,
        "must be 10 seconds to 15 minutes";
    /// How many tries each code has. Default: 5. Source: OWASP ASVS 5.0, 6.6.3.
    tries_per_challenge: u32 = 5, 1..=10, "must be 1 to 10 (OWASP ASVS 6.6.3)";
    /// How many short codes are compared for one account in `tries_window`. Default: 15.
    tries_per_window: u32 = 15, 1..=u32::MAX, "must be at least 1";
    /// The window of `tries_per_window`, `submits_per_grant` and `tenant_tries`. Default: 24 hours.
    tries_window: Duration = DAY, DAY..=DAY * 7, "must be 1 to 7 days";
    /// How many short codes are compared for one account between two right ones. Default: 100.
    /// Source: NIST SP 800-63B-4, 3.2.2.
    tries_per_streak: u32 = 100, 1..=100, "must be 1 to 100 (NIST SP 800-63B-4, 3.2.2)";
    /// How long the comparisons of a streak are remembered. Default: 365 days.
    streak_window: Duration = DAY * 365, DAY * 365..=DAY * 3650, "must be 1 to 10 years";
    /// The shortest time between two sends of one reset. Default: 60 seconds.
    resend_cooldown: Duration = MINUTE, MINUTE / 2..=HOUR, "must be 30 seconds to 1 hour";
    /// How many codes one network can request for one address in `sends_window`. Default: 5. An IPv6
    /// /56 counts as one network here, because providers assign one to each subscriber.
    sends_per_address_and_network: u32 = 5, 1..=u32::MAX, "must be at least 1";
    /// How many codes one address can be sent in `sends_window`. Default: 20.
    sends_per_address: u32 = 20, 1..=u32::MAX, "must be at least 1";
    /// The window of the limits on codes and mails. Default: 24 hours.
    sends_window: Duration = DAY, HOUR..=DAY * 7, "must be 1 hour to 7 days";
    /// How many codes one network can request in `network_window`. Default: 60.
    sends_per_network: u32 = 60, 1..=u32::MAX, "must be at least 1";
    /// How many resets one network can open in `network_window`. Default: 120.
    opens_per_network: u32 = 120, 1..=u32::MAX, "must be at least 1";
    /// The window of the limits on networks. Default: 1 hour.
    network_window: Duration = HOUR, MINUTE..=DAY, "must be 1 minute to 24 hours";
    /// How many codes and passwords one network can try in `network_window`. Default: 600.
    network_tries: u32 = 600, 1..=u32::MAX, "must be at least 1";
    /// How many times the limits of a /64 apply to an IPv6 /56. Default: 4. Providers assign a /56 to
    /// each subscriber.
    subscriber_network_factor: u32 = 4, 1..=u32::MAX, "must be at least 1";
    /// How many times the limits of a /64 apply to an IPv6 /48. Default: 40. At least four times
    /// `subscriber_network_factor` is used, so that no subscriber closes the door for its neighbors.
    wide_network_factor: u32 = 40, 1..=u32::MAX, "must be at least 1";
    /// How many codes one trusted device can request in `sends_window`. Default: 10.
    sends_per_device: u32 = 10, 1..=u32::MAX, "must be at least 1";
    /// How many codes one network can request with a vouch in `sends_window`. Default: 10.
    sends_per_vouch: u32 = 10, 1..=u32::MAX, "must be at least 1";
    /// How many mails one account can be sent in `sends_window` and in one lane, whatever was typed.
    /// Default: 40. The trusted lane has one limit for each device, and the vouched lane one for each
    /// network. Outsiders cannot see this limit.
    sends_per_account: u32 = 40, 1..=u32::MAX, "must be at least 1";
    /// How many mails all trusted devices of one account together can cause in `sends_window`.
    /// Default: 60. Outsiders cannot see this limit.
    trusted_sends_per_account: u32 = 60, 1..=u32::MAX, "must be at least 1";
    /// How many slow hashes one grant can cost. Default: 10. A submit takes one, or two where the
    /// current password is refused. It gets them back if it runs no hash.
    submits_per_grant: u32 = 10, 2..=10, "must be 2 to 10";
    /// How many wrong tries a whole tenant can have in `tries_window` before its codes become longer.
    /// Default: 1,000.
    tenant_tries: u32 = 1000, 1..=u32::MAX, "must be at least 1";
    /// How many wrong passwords lock the sign-in. Default: 10. Source: the smart lockout of Entra.
    lockout_threshold: u32 = 10, 1..=u32::MAX, "must be at least 1";
    /// How long the first lockout lasts. Default: 60 seconds. Each further lockout lasts twice as
    /// long. Source: the smart lockout of Entra.
    lockout_first: Duration = MINUTE, MINUTE / 6..=HOUR, "must be 10 seconds to 1 hour";
    /// How long the longest lockout lasts, at least `lockout_first`. Default: 5 hours. Source: Azure
    /// AD B2C.
    lockout_longest: Duration = HOUR * 5, Duration::ZERO..=DAY, "must be at most 24 hours";
    /// How long wrong passwords are remembered after a lockout. Default: 24 hours.
    lockout_memory: Duration = DAY, HOUR..=DAY * 30, "must be 1 hour to 30 days";
    /// How long a code of the help desk stays valid. Default: 1 hour. Source: the temporary access
    /// pass of Entra.
    assistance_code_lifetime: Duration = HOUR, MINUTE * 10..=DAY, "must be 10 minutes to 24 hours";
    /// How long a temporary password stays valid. Default: 24 hours. Entra's never expires, and
    /// OWASP ASVS 5.0, 6.4.1, wants a short life.
    temporary_password_lifetime: Duration = DAY, HOUR..=DAY * 7, "must be 1 hour to 7 days";
    /// How many actions of the help desk one account can get in 24 hours. Default: 5.
    assists_per_account: u32 = 5, 1..=u32::MAX, "must be at least 1";
    /// How many actions one member of staff can take in an hour. Default: 30.
    assists_per_actor: u32 = 30, 1..=u32::MAX, "must be at least 1";
    /// How many actions the help desk of a tenant can take in 24 hours. Default: 500.
    assists_per_tenant: u32 = 500, 1..=u32::MAX, "must be at least 1";
    /// How many codes by SMS can be sent to one number in 24 hours, even if several accounts have
    /// this number. Default: 10. Notices are counted apart, with the same limit. Outsiders cannot
    /// see this limit.
    texts_per_number: u32 = 10, 1..=u32::MAX, "must be at least 1";
    /// How many codes by SMS can be sent to one block of numbers in an hour. The numbers of a block
    /// differ only in their last four digits. Default: 20. Outsiders cannot see this limit.
    texts_per_block: u32 = 20, 1..=u32::MAX, "must be at least 1";
    /// How many codes by SMS one network can request in `network_window`. Default: 20. Requests for
    /// accounts without a phone count as well.
    texts_per_network: u32 = 20, 1..=u32::MAX, "must be at least 1";
    /// How many codes by SMS a tenant can send in 24 hours. Default: 1,000. Outsiders cannot see
    /// this limit.
    texts_per_tenant: u32 = 1000, 1..=u32::MAX, "must be at least 1";
    /// How many notices of changed passwords a tenant can send by SMS in 24 hours. Default: 500.
    /// Further notices wait. Codes and notices do not use up each other's limits.
    notice_texts_per_tenant: u32 = 500, 1..=u32::MAX, "must be at least 1";
    /// How many codes by SMS must be sent to one block of numbers in `text_watch_window` before the
    /// watch judges the block. Default: 50. With a lower number, the result depends more on chance.
    /// A number that a block cannot reach in the window (`texts_per_block` times its hours)
    /// switches the watch off.
    text_watch_after: u32 = 50, 10..=u32::MAX, "must be at least 10";
    /// The window in which the watch counts the texts to a block of numbers. Default: 24 hours. A
    /// window of one hour would be too short, because `texts_per_block` permits only 20 texts in an
    /// hour.
    text_watch_window: Duration = DAY, HOUR..=DAY * 7, "must be 1 hour to 7 days";
    /// The percentage of typed codes below which the watch raises an event. It is the percentage of
    /// the codes sent to a block that were typed. Default: 40.
    text_watch_alarm: u32 = 40, 1..=100, "must be 1 to 100";
    /// The percentage of typed codes below which the watch stops codes by SMS to a block. Default:
    /// 20. At most `text_watch_alarm`.
    text_watch_stop: u32 = 20, 1..=100, "must be 1 to 100";
    /// How long texts to a block stay stopped, unless staff end the stop. Default: 24 hours. At least
    /// `text_watch_window`, because otherwise the same texts would stop the block again.
    text_stop: Duration = DAY, HOUR..=DAY * 30, "must be 1 hour to 30 days";
}

/// The error for limits that are refused. `field` names the limit.
#[derive(Clone, Copy, Error, PartialEq)]
#[non_exhaustive]
pub enum LimitsError {
    /// A limit is outside its bounds.
    #[error("limits: `{field}` {rule}")]
    Bound {
        /// The name of the limit.
        field: &'static str,
        /// The rule that it breaks.
        rule: &'static str,
    },
    /// An attacker is too likely to guess a code.
    #[error(
        "limits: somebody who guesses at every opportunity succeeds with probability \
         {probability:.1e} {whose}, and the bound is {bound:.0e}: {guesses} guesses at one of \
         100,000,000 codes; lower `{field}`"
    )]
    Odds {
        /// "per account and day" or "per tenant and year".
        whose: &'static str,
        /// How many guesses are possible in that time.
        guesses: u64,
        /// The probability that one of them is right.
        probability: f64,
        /// The highest probability that is accepted.
        bound: f64,
        /// The limit to lower.
        field: &'static str,
    },
}

debug_is_text!(LimitsError);

impl Limits {
    /// Starts from the defaults.
    pub fn builder() -> LimitsBuilder {
        LimitsBuilder::default()
    }

    /// Starts from these limits.
    ///
    /// ```
    /// use sspr::policy::Limits;
    ///
    /// let limits = Limits::builder().texts_per_tenant(200).build()?;
    /// let fewer = limits.to_builder().texts_per_number(3).build()?;
    /// assert_eq!(fewer.texts_per_tenant(), 200);
    /// # Ok::<(), sspr::policy::LimitsError>(())
    /// ```
    pub const fn to_builder(&self) -> LimitsBuilder {
        LimitsBuilder(*self)
    }

    /// Returns these limits if they and their odds are within bounds.
    pub(super) fn checked(self) -> Result<Self, LimitsError> {
        self.check_bounds()?;
        let longest = self.lockout_longest >= self.lockout_first;
        bound(longest, "lockout_longest", "must be at least `lockout_first`")?;
        let alarm_first = self.text_watch_stop <= self.text_watch_alarm;
        bound(alarm_first, "text_watch_stop", "must be at most `text_watch_alarm`")?;
        let outlasts = self.text_stop >= self.text_watch_window;
        bound(outlasts, "text_stop", "must be at least `text_watch_window`")?;
        let odds = self.odds();
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
        Ok(self)
    }

    /// Returns how many text messages a tenant can send in 24 hours at most. The result is twice
    /// the sum of `texts_per_tenant` and `notice_texts_per_tenant`. The windows of these limits
    /// begin with their first message, so that 24 hours can overlap with two windows.
    #[must_use]
    pub fn most_texts_per_day(&self) -> u64 {
        let codes = u64::from(self.texts_per_tenant);
        2 * codes.saturating_add(u64::from(self.notice_texts_per_tenant))
    }

    /// Returns how likely an attacker who guesses at every opportunity is to succeed.
    #[must_use]
    pub fn odds(&self) -> Odds {
        Odds::of(self)
    }
}

impl LimitsBuilder {
    /// Checks the limits and their odds.
    ///
    /// # Errors
    /// [`LimitsError`] names the limit and the rule, or shows the arithmetic of the odds.
    pub fn build(self) -> Result<Limits, LimitsError> {
        self.0.checked()
    }
}

impl fmt::Display for Limits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.odds())?;
        write!(
            f,
            "To use up the {} codes that an address may be sent in a day, strangers need at least \
             {} networks; a device that has signed in before, and a solved captcha, still get \
             through.\nWhere SMS is on, the most expensive 24 hours cost {} text messages.",
            self.sends_per_address,
            self.sends_per_address.div_ceil(self.sends_per_address_and_network),
            self.most_texts_per_day(),
        )
    }
}

trait IsWhole {
    fn is_whole(&self) -> bool;
}

impl IsWhole for u32 {
    fn is_whole(&self) -> bool {
        true
    }
}

impl IsWhole for Duration {
    fn is_whole(&self) -> bool {
        self.subsec_nanos() == 0
    }
}

fn bound(holds: bool, field: &'static str, rule: &'static str) -> Result<(), LimitsError> {
    if holds { Ok(()) } else { Err(LimitsError::Bound { field, rule }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(limits: LimitsBuilder) -> String {
        limits.build().unwrap_err().to_string()
    }

    #[test]
    fn the_defaults_hold_their_own_bounds() {
        assert_eq!(Limits::builder().build(), Ok(Limits::default()));
    }

    #[test]
    fn a_limit_out_of_bounds_is_named() {
        let none = Limits::builder().tries_per_window(0);
        assert_eq!(error(none), "limits: `tries_per_window` must be at least 1");
        let many = Limits::builder().tries_per_challenge(11);
        assert!(error(many).contains("`tries_per_challenge` must be 1 to 10"));
        let long = Limits::builder().code_lifetime(DAY * 2);
        assert!(error(long).contains("`code_lifetime`"));
        let short = Limits::builder().lockout_first(MINUTE).lockout_longest(MINUTE / 2);
        assert!(error(short).contains("`lockout_longest` must be at least `lockout_first`"));
    }

    #[test]
    fn a_fraction_of_a_second_is_refused_because_no_document_holds_it() {
        let limits = Limits::builder().code_lifetime(MINUTE + Duration::from_millis(1));
        assert_eq!(error(limits), "limits: `code_lifetime` must be whole seconds");
    }

    #[test]
    fn bad_odds_are_refused_with_their_arithmetic() {
        let text = error(Limits::builder().tries_per_window(60));
        assert!(text.contains("120 guesses") && text.contains("1.2e-6"), "{text}");
        let careless = Limits::builder().tenant_tries(2_000);
        assert!(error(careless).contains("per tenant and year"));
    }

    #[test]
    fn display_says_from_how_many_networks_an_owner_can_be_kept_waiting() {
        assert!(Limits::default().to_string().contains("at least 4 networks"));
    }

    #[test]
    fn display_says_what_the_most_expensive_day_costs() {
        let limits = Limits::builder().texts_per_tenant(300).notice_texts_per_tenant(100);
        let limits = limits.build().unwrap();
        assert_eq!(limits.most_texts_per_day(), 800);
        assert!(
            limits.to_string().ends_with("the most expensive 24 hours cost 800 text messages.")
        );
    }
}
