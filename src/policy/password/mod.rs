//! The rules for new passwords.

mod banned;
mod common;

use core::fmt;

use serde::{Serialize, Serializer, ser::SerializeMap as _};
use thiserror::Error;

use crate::domain::{Account, Password, TenantId};

/// The most custom banned terms (Entra).
const MOST_TERMS: usize = 1000;

/// A tenant's rules for new passwords.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PasswordRules {
    kind: Kind,
    min_length: usize,
    terms: Vec<String>,
    refuses_current: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Nist,
    Entra,
}

/// The context of a password: its words must not make up the password.
#[derive(Clone, Copy, Debug)]
pub struct PasswordContext<'a> {
    /// The account, if it is known.
    pub account: Option<&'a Account>,
    /// The tenant's brand.
    pub brand: &'a str,
    /// The tenant.
    pub tenant: &'a TenantId,
}

/// A rule that a password breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordIssue {
    /// The password is known to have leaked.
    Breached,
    /// The password has a character that cannot be used here.
    Characters,
    /// The password is common, or made of common passwords.
    Common,
    /// The password has fewer than three of these kinds: small letters, capitals, digits, symbols.
    Kinds,
    /// The password is too long.
    Long {
        /// The most characters of a password.
        most: usize,
    },
    /// The password is made of the user's name, the address or the name of the service. Under
    /// Entra's rules, the password contains one of them.
    Personal,
    /// The password is the current one.
    SameAsCurrent,
    /// The password is too short.
    Short {
        /// The fewest characters of a password.
        least: usize,
    },
}

impl PasswordIssue {
    /// Returns a stable code for the JSON of an API, for example `too_short`. `Display` gives the
    /// English text.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Breached => "breached",
            Self::Characters => "invalid_characters",
            Self::Common => "common",
            Self::Kinds => "too_few_kinds",
            Self::Long { .. } => "too_long",
            Self::Personal => "personal",
            Self::SameAsCurrent => "same_as_current",
            Self::Short { .. } => "too_short",
        }
    }
}

/// In JSON, an issue has its `code`, its English `text`, and `least` or `most` if it has a bound.
impl Serialize for PasswordIssue {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_map(None)?;
        fields.serialize_entry("code", self.code())?;
        match self {
            Self::Long { most } => fields.serialize_entry("most", most)?,
            Self::Short { least } => fields.serialize_entry("least", least)?,
            _ => {}
        }
        fields.serialize_entry("text", &self.to_string())?;
        fields.end()
    }
}

/// The reason why password rules are not valid.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordRulesError {
    /// The minimum length is below 8 or above 64.
    #[error("password rules: the minimum length must be 8 to 64 characters")]
    MinLength,
    /// There are more than 1,000 terms.
    #[error("password rules: at most 1000 custom terms are allowed")]
    TooManyTerms,
    /// A term is shorter than 4 or longer than 64 characters, or it does not fit on one line. A
    /// term must not have control characters, or begin or end with white space.
    #[error(
        "password rules: a custom term must have 4 to 64 characters, no control characters and no \
         white space at its ends"
    )]
    Term,
}

debug_is_text!(PasswordRulesError);

impl PasswordRules {
    /// Returns the rules of NIST SP 800-63B-4, section 3.1.1.2. They are the default.
    ///
    /// A password that is the only factor needs at least 15 characters. The rules have a blocklist,
    /// forbid words of the context, and require no composition.
    #[must_use]
    pub const fn nist() -> Self {
        Self { kind: Kind::Nist, min_length: 15, refuses_current: false, terms: Vec::new() }
    }

    /// Returns Entra's rules: 8 to 256 characters of Entra's own set, and three of four kinds.
    /// Entra's banned-password algorithm applies, and the current password is refused.
    #[must_use]
    pub const fn entra() -> Self {
        Self { kind: Kind::Entra, min_length: 8, refuses_current: true, terms: Vec::new() }
    }

    /// Sets the fewest characters. Use less than 15 only if a second factor is always required
    /// (NIST).
    ///
    /// # Errors
    /// [`PasswordRulesError::MinLength`] if the number is below 8 or above 64.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::PasswordRules;
    ///
    /// let rules = PasswordRules::nist().with_min_length(12)?;
    /// assert!(PasswordRules::nist().with_min_length(4).is_err());
    /// # Ok::<(), sspr::policy::PasswordRulesError>(())
    /// ```
    pub fn with_min_length(mut self, characters: usize) -> Result<Self, PasswordRulesError> {
        if !(8..=64).contains(&characters) {
            return Err(PasswordRulesError::MinLength);
        }
        self.min_length = characters;
        Ok(self)
    }

    /// Bans the tenant's own terms, in any case. At most 1,000 terms are allowed.
    ///
    /// Under the rules of NIST, a term counts like a common password. A password is refused if it is
    /// made of terms and common passwords only, apart from decoration. With the term `larkfield`,
    /// `Larkfield-2026!` and `larkfieldlarkfield` are refused, and `larkfield is where we work` is
    /// allowed. Entra's rules score the password as Entra does.
    ///
    /// # Errors
    /// [`PasswordRulesError`] if there are too many terms, or a term is not valid.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::PasswordRules;
    ///
    /// let rules = PasswordRules::nist().with_terms(["contoso", "fabrikam"])?;
    /// # Ok::<(), sspr::policy::PasswordRulesError>(())
    /// ```
    pub fn with_terms<'a>(
        mut self,
        terms: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, PasswordRulesError> {
        self.terms = terms.into_iter().map(str::to_lowercase).collect();
        if self.terms.len() > MOST_TERMS {
            return Err(PasswordRulesError::TooManyTerms);
        }
        let is_term = |term: &String| {
            (4..=64).contains(&term.chars().count())
                && term.trim() == term
                && !term.chars().any(char::is_control)
        };
        if !self.terms.iter().all(is_term) {
            return Err(PasswordRulesError::Term);
        }
        Ok(self)
    }

    /// Sets whether the current password is refused. The check costs a slow hash.
    #[must_use]
    pub const fn with_current_refused(mut self, refused: CurrentPassword) -> Self {
        self.refuses_current = matches!(refused, CurrentPassword::Refused);
        self
    }

    /// Returns whether the current password is refused.
    #[must_use]
    pub const fn refuses_current(&self) -> bool {
        self.refuses_current
    }

    /// Returns the fewest characters.
    #[must_use]
    pub const fn min_length(&self) -> usize {
        self.min_length
    }

    /// Returns the tenant's own banned terms, in lower case.
    #[must_use]
    pub fn terms(&self) -> &[String] {
        &self.terms
    }

    pub(crate) const fn is_entra(&self) -> bool {
        matches!(self.kind, Kind::Entra)
    }

    /// Returns every rule that a password breaks. The check is fast: it runs no slow hash and
    /// queries no other service.
    #[must_use]
    pub fn check(&self, password: &Password, about: &PasswordContext<'_>) -> Vec<PasswordIssue> {
        let text = password.expose();
        let mut issues = Vec::new();
        if self.is_entra() && !text.chars().all(is_entra) {
            issues.push(PasswordIssue::Characters);
        }
        if password.characters() < self.min_length {
            issues.push(PasswordIssue::Short { least: self.min_length });
        }
        if self.is_entra() && kinds(text) < 3 {
            issues.push(PasswordIssue::Kinds);
        }
        let words = about.words();
        let (common, personal) = match self.kind {
            Kind::Nist => common::judge(text, &self.terms, &words),
            Kind::Entra => banned::judge(text, &self.terms, &words),
        };
        if common {
            issues.push(PasswordIssue::Common);
        }
        if personal {
            issues.push(PasswordIssue::Personal);
        }
        issues
    }
}

/// Whether the current password may be chosen again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CurrentPassword {
    /// The current password may be chosen again.
    Allowed,
    /// The current password may not be chosen again.
    Refused,
}

impl PasswordContext<'_> {
    /// Returns the words of four or more characters, in lower case.
    fn words(&self) -> Vec<String> {
        let mut words = vec![self.brand.to_lowercase(), self.tenant.as_str().to_lowercase()];
        if let Some(account) = self.account {
            words.extend(account.names.iter().map(|name| name.to_lowercase()));
            for address in &account.addresses {
                words.push(address.local().to_lowercase());
                words.push(address.as_str().to_lowercase());
            }
        }
        words.retain(|word| word.chars().count() >= 4);
        words.sort_unstable();
        words.dedup();
        words
    }
}

impl fmt::Display for PasswordIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Breached => f.write_str("It is known to have leaked."),
            Self::Characters => f.write_str("It contains a character that cannot be used here."),
            Self::Common => f.write_str("It is on the list of common passwords."),
            Self::Kinds => {
                f.write_str("Use at least three of: small letters, capitals, digits, symbols.")
            }
            Self::Long { most } => write!(f, "It is too long: at most {most} characters."),
            Self::Personal => f.write_str(
                "It is made of, or contains, your name, your e-mail address or the name of this \
                 service.",
            ),
            Self::SameAsCurrent => f.write_str("It is the password you have now."),
            Self::Short { least } => write!(f, "It is too short: at least {least} characters."),
        }
    }
}

/// Returns whether Entra's password policy has this character.
fn is_entra(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == ' ' || r##"@#$%^&*-_!+=[]{}|\:',.?/~"();<>`"##.contains(c)
}

fn kinds(text: &str) -> usize {
    let kinds: [fn(char) -> bool; 4] = [
        |c| c.is_ascii_lowercase(),
        |c| c.is_ascii_uppercase(),
        |c| c.is_ascii_digit(),
        |c| !c.is_ascii_alphanumeric(),
    ];
    kinds.into_iter().filter(|kind| text.chars().any(kind)).count()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, EmailAddress, Stamp};

    #[test]
    fn an_issue_is_its_code_its_bound_and_its_text_in_json() {
        let short = serde_json::to_value(PasswordIssue::Short { least: 8 }).unwrap();
        assert_eq!((&short["code"], &short["least"]), (&"too_short".into(), &8.into()));
        assert_eq!(short["text"], PasswordIssue::Short { least: 8 }.to_string());
        let common = serde_json::to_string(&PasswordIssue::Common).unwrap();
        assert!(common.starts_with(r#"{"code":"common","text":""#), "{common}");
    }

    fn issues(rules: &PasswordRules, text: &str) -> Vec<PasswordIssue> {
        let address = EmailAddress::parse("margaret.hamilton@example.com").unwrap();
        let id = AccountId::parse("1").unwrap();
        let mut account = Account::new(id, address, Stamp::from_bytes([0; 16]));
        account.names = vec!["Margaret".to_owned(), "Hamilton".to_owned()];
        let tenant = TenantId::parse("contoso").unwrap();
        let about =
            PasswordContext { account: Some(&account), brand: "Larkfield", tenant: &tenant };
        rules.check(&Password::parse(text).unwrap(), &about)
    }

    #[test]
    fn nist_counts_code_points() {
        let rules = PasswordRules::nist();
        let unusual = "🦔🐌🌵🎏🧭🪁🛶🧶🥁🪗🦕🍁🧊🪨🌋";
        assert_eq!(issues(&rules, unusual), []);
        let short: String = unusual.chars().skip(1).collect();
        assert_eq!(issues(&rules, &short), [PasswordIssue::Short { least: 15 }]);
    }

    #[test]
    fn nist_refuses_common_and_personal_ones_and_asks_for_no_kinds() {
        let rules = PasswordRules::nist();
        assert_eq!(issues(&rules, "four unrelated words will do"), []);
        assert_eq!(issues(&rules, "aquietriverbendsslowly"), []);
        for text in [
            "passwordpassword",
            "Password-Password-1!",
            "123456789012345",
            "aaaaaaaaaaaaaaaa",
            "abcdefghijklmnop",
            "qwertyuiopasdfghjkl",
            "iloveyoupassword123",
            "1q2w3e4r5t6y7u8i",
            "letmeinletmeinletmein",
            "mynewpassword1234567890",
        ] {
            let found = issues(&rules, text);
            let expected = text == "mynewpassword1234567890";
            assert_eq!(found.is_empty(), expected, "{text}: {found:?}");
        }
        for text in ["margaret.hamilton1!", "LarkfieldLarkfield", "margarethamilton99"] {
            assert!(issues(&rules, text).contains(&PasswordIssue::Personal), "{text}");
        }
    }

    #[test]
    fn entra_has_its_characters_length_and_kinds() {
        let rules = PasswordRules::entra();
        assert_eq!(issues(&rules, "Tr7!quokka"), []);
        assert_eq!(issues(&rules, "Tr7!quo"), [PasswordIssue::Short { least: 8 }]);
        assert_eq!(issues(&rules, "trquokkavex"), [PasswordIssue::Kinds]);
        assert!(issues(&rules, "Tr7!quökka").contains(&PasswordIssue::Characters));
        assert!(rules.refuses_current());
    }

    #[test]
    fn rules_out_of_bounds_are_refused() {
        let short = PasswordRules::nist().with_min_length(7);
        assert_eq!(short, Err(PasswordRulesError::MinLength));
        let many = vec!["word"; 1001];
        let many = PasswordRules::entra().with_terms(many);
        assert_eq!(many, Err(PasswordRulesError::TooManyTerms));
        assert_eq!(PasswordRules::entra().with_terms(["abc"]), Err(PasswordRulesError::Term));
    }

    #[test]
    fn each_character_of_entras_set_is_allowed_and_no_other() {
        let ascii = (0..=127_u8).map(char::from);
        let refused: Vec<char> = ascii.filter(|c| !is_entra(*c)).collect();
        let control = (0..32_u8).chain([127]).map(char::from);
        assert_eq!(refused, control.collect::<Vec<_>>());
        assert!(!is_entra('\u{e9}') && !is_entra('\u{20ac}'));
    }

    #[test]
    fn three_kinds_of_four_are_asked_for() {
        for (text, count) in
            [("", 0), ("a", 1), ("A", 1), ("1", 1), (" ", 1), ("aA", 2), ("aA1", 3), ("aA1!", 4)]
        {
            assert_eq!(kinds(text), count, "{text:?}");
        }
        let entra = PasswordRules::entra();
        assert_eq!(issues(&entra, "QUOKKA-VEX-7"), []);
        assert_eq!(issues(&entra, "QUOKKAVEX7"), [PasswordIssue::Kinds]);
    }

    #[test]
    fn a_term_that_does_not_fit_on_a_line_of_its_own_is_refused() {
        for term in [" word", "word ", "wo\nrd", "wo\rrd", "word\u{0}", "\u{a0}word", "\tword"] {
            let error = PasswordRules::nist().with_terms([term]).unwrap_err();
            assert_eq!(error, PasswordRulesError::Term, "{term:?}");
        }
        assert!(PasswordRules::nist().with_terms(["blue sky"]).is_ok());
    }

    #[test]
    fn terms_of_4_to_64_characters_are_kept_in_lower_case() {
        let rules = PasswordRules::nist().with_terms(["Lark", &"x".repeat(64)]).unwrap();
        assert_eq!(rules.terms()[0], "lark");
        let long = PasswordRules::nist().with_terms([&*"x".repeat(65)]);
        assert_eq!(long, Err(PasswordRulesError::Term));
        assert!(PasswordRules::nist().with_terms(vec!["word"; 1000]).is_ok());
        let kept = PasswordRules::entra().with_current_refused(CurrentPassword::Allowed);
        assert!(!kept.refuses_current() && kept.is_entra() && !PasswordRules::nist().is_entra());
    }

    #[test]
    fn words_of_the_context_have_four_characters() {
        let tenant = TenantId::parse("abc").unwrap();
        let words = |brand| PasswordContext { account: None, brand, tenant: &tenant }.words();
        assert_eq!(words("LARK"), ["lark"]);
        assert_eq!(words("Shop"), ["shop"]);
        assert_eq!(words("\u{c9}t\u{e9}"), Vec::<String>::new(), "three characters");
    }
}
