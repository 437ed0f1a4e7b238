//! The password that a user types, normalised once.

use core::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;
use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

/// A password in normalisation form C, within the limits that protect the hasher.
///
/// NIST SP 800-63B-4 section 3.1.1.2 applies: Unicode is normalised, each code point counts as one
/// character, and nothing is trimmed or truncated. Sign-in and reset share this type, so a password
/// that is set in one form can be typed in the other form.
///
/// # Security
/// A password is wiped on drop. It has no `Display`, `Serialize`, `Clone` or `==`, and only
/// [`Password::expose`] shows it. Callers must wipe the copies that they made before parsing.
pub struct Password(Zeroizing<String>);

/// The reason why a text can never be a password, whatever the rules of a tenant.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PasswordError {
    /// The text has a control character.
    #[error("password: control characters are not allowed")]
    Control,
    /// The text is empty.
    #[error("password: must not be empty")]
    Empty,
    /// The text has more than 256 code points or 1,024 bytes.
    #[error("password: must have at most 256 characters and 1024 bytes")]
    TooLong,
}

debug_is_text!(PasswordError);

impl Password {
    /// The most code points of a password.
    pub const MAX_CHARACTERS: usize = 256;
    /// The most bytes of a password, before and after normalisation.
    pub const MAX_BYTES: usize = 1024;

    /// Reads a password as a user typed it. Oversized input is refused before any work is done on
    /// it.
    ///
    /// # Errors
    /// [`PasswordError`] names the broken rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::Password;
    ///
    /// let password = Password::parse("four unrelated words will do")?;
    /// assert!(Password::parse("").is_err());
    /// # Ok::<(), sspr::domain::PasswordError>(())
    /// ```
    pub fn parse(typed: &str) -> Result<Self, PasswordError> {
        if typed.is_empty() {
            return Err(PasswordError::Empty);
        }
        if typed.len() > Self::MAX_BYTES {
            return Err(PasswordError::TooLong);
        }
        if typed.chars().any(char::is_control) {
            return Err(PasswordError::Control);
        }
        // Normalising to form C at most triples the bytes of a string (UAX #15). Reserving that
        // much keeps the string from growing, which would leave copies behind.
        let mut normal = Zeroizing::new(String::with_capacity(typed.len() * 3));
        normal.extend(typed.nfc());
        if normal.len() > Self::MAX_BYTES || normal.chars().count() > Self::MAX_CHARACTERS {
            return Err(PasswordError::TooLong);
        }
        Ok(Self(normal))
    }

    /// Returns the normalised password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// Returns a second copy, which is wiped like the first. A hasher takes its password by value.
    pub(crate) fn duplicate(&self) -> Self {
        Self(self.0.clone())
    }

    /// Returns whether two passwords are the same. The comparison takes the same time for all
    /// passwords of one length.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.as_bytes().ct_eq(other.0.as_bytes()).into()
    }

    /// Returns the number of code points.
    #[must_use]
    pub fn characters(&self) -> usize {
        self.0.chars().count()
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn composed_and_decomposed_are_one_password() {
        let parsed = |text| Password::parse(text).unwrap().expose().to_owned();
        assert_eq!(parsed("caf\u{e9}"), parsed("cafe\u{301}"));
        assert_eq!(parsed("cafe\u{301}"), "caf\u{e9}");
        assert_ne!(parsed("\u{fb01}sh"), parsed("fish"));
    }

    #[test]
    fn nothing_is_trimmed() {
        assert_eq!(Password::parse("  a b  ").unwrap().expose(), "  a b  ");
    }

    #[test]
    fn limits_are_counted_in_code_points_and_bytes() {
        assert_eq!(Password::parse(&"\u{1f511}".repeat(256)).unwrap().characters(), 256);
        assert_eq!(Password::parse(&"a".repeat(257)).unwrap_err(), PasswordError::TooLong);
        let hostile = "a\u{300}".repeat(1_000_000);
        assert_eq!(Password::parse(&hostile).unwrap_err(), PasswordError::TooLong);
        assert_eq!(Password::parse("").unwrap_err(), PasswordError::Empty);
        assert_eq!(Password::parse("a\0b").unwrap_err(), PasswordError::Control);
    }

    #[test]
    fn debug_shows_nothing() {
        assert_eq!(format!("{:?}", Password::parse("hunter2").unwrap()), "Password(…)");
    }

    #[test]
    fn the_longest_have_256_code_points_and_1024_bytes_once_normalised() {
        let parsed = |text: String| Password::parse(&text).map(|it| it.expose().len());
        assert_eq!(parsed("a".repeat(256)), Ok(256));
        // Each of these four-byte characters becomes twelve bytes.
        let note = "\u{1d160}";
        assert_eq!(parsed(note.repeat(85)), Ok(1_020));
        assert_eq!(parsed(note.repeat(86)), Err(PasswordError::TooLong));
        // The 512 code points become 256.
        assert_eq!(parsed("e\u{301}".repeat(256)), Ok(512));
        assert_eq!(parsed("\u{1f511}".repeat(257)), Err(PasswordError::TooLong));
    }

    #[test]
    fn normalising_leaves_no_copy_behind_in_a_string_that_grew() {
        let password = Password::parse(&"\u{1d160}".repeat(3)).unwrap();
        assert_eq!((password.0.len(), password.0.capacity()), (36, 36));
    }
}
