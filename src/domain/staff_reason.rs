//! The reason that staff give for an action.

use core::fmt;

use thiserror::Error;

use super::characters::is_unseen;

/// A reason in the words of staff: 1 to 500 characters on one line, without white space around it.
///
/// # Security
/// It is free text and may contain personal data. Do not show it to customers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StaffReason(Box<str>);

/// The rule that a reason breaks.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum StaffReasonError {
    /// It has a character that shows nothing, ends a line or turns its direction.
    #[error("reason: must not contain control characters, line breaks or invisible characters")]
    Characters,
    /// It says nothing.
    #[error("reason: must not be empty")]
    Empty,
    /// It has more than 500 characters.
    #[error("reason: must have at most 500 characters")]
    TooLong,
}

debug_is_text!(StaffReasonError);

impl StaffReason {
    /// The most characters.
    pub const MOST_CHARACTERS: usize = 500;

    /// Reads a reason. Spaces around it do not count.
    ///
    /// # Errors
    /// [`StaffReasonError`] names the rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::StaffReason;
    ///
    /// let reason = StaffReason::parse("Ticket 4711, called back")?;
    /// assert!(StaffReason::parse("first line\nsecond line").is_err());
    /// # Ok::<(), sspr::domain::StaffReasonError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, StaffReasonError> {
        let text = text.trim_matches(' ');
        if text.chars().all(char::is_whitespace) {
            Err(StaffReasonError::Empty)
        } else if text.chars().count() > Self::MOST_CHARACTERS {
            Err(StaffReasonError::TooLong)
        } else if text.chars().any(is_unseen) {
            Err(StaffReasonError::Characters)
        } else {
            Ok(Self(text.into()))
        }
    }

    /// Returns the words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for StaffReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_has_1_to_500_characters_and_no_control_characters() {
        let parse = |text: &str| StaffReason::parse(text).map(|it| it.as_str().to_owned());
        let (longest, long) = ("ü".repeat(500), "a".repeat(501));
        assert_eq!(parse(&longest), Ok(longest.clone()));
        assert_eq!(parse("  Ticket 7 ").as_deref(), Ok("Ticket 7"));
        assert_eq!(parse(&long), Err(StaffReasonError::TooLong));
        for text in ["", "   ", "\u{3000}", "\n"] {
            assert_eq!(parse(text), Err(StaffReasonError::Empty), "{text:?}");
        }
        for text in ["a\nb", "a\tb", "a\u{1b}b", "a\u{85}b", "a\n", "a\u{2028}b", "a\u{202e}b"] {
            assert_eq!(parse(text), Err(StaffReasonError::Characters), "{text:?}");
        }
        let words = StaffReasonError::TooLong.to_string();
        assert_eq!(words, "reason: must have at most 500 characters");
    }
}
