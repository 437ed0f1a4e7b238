//! Language tags of browsers and accounts.

use core::fmt;

use thiserror::Error;

/// A language tag of BCP 47 shape, for instance `de`, `pt-BR` or `zh-Hant-TW`, in lower case.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LanguageTag(Box<str>);

/// The reason why a text is not a language tag.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum LanguageError {
    /// The tag is malformed. It needs subtags of 1 to 8 ASCII letters or digits, joined by hyphens,
    /// and a first subtag of letters only.
    #[error("locale: must be subtags of 1 to 8 ASCII letters or digits, joined by hyphens")]
    Shape,
    /// The tag is longer than 35 bytes (RFC 5646 section 4.4.1).
    #[error("locale: must have at most 35 bytes")]
    TooLong,
}

debug_is_text!(LanguageError);

impl LanguageTag {
    /// Reads a tag in any case.
    ///
    /// # Errors
    /// [`LanguageError`] names the broken rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::domain::LanguageTag;
    ///
    /// let language = LanguageTag::parse("pt-BR")?;
    /// assert!(LanguageTag::parse("not a language").is_err());
    /// # Ok::<(), sspr::domain::LanguageError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, LanguageError> {
        if text.len() > 35 {
            return Err(LanguageError::TooLong);
        }
        let well_formed = |subtag: &str| {
            (1..=8).contains(&subtag.len()) && subtag.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        let primary = text.split('-').next().unwrap_or_default();
        if !text.split('-').all(well_formed) || !primary.bytes().all(|b| b.is_ascii_alphabetic()) {
            return Err(LanguageError::Shape);
        }
        Ok(Self(text.to_ascii_lowercase().into()))
    }

    /// Returns the tag in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for LanguageTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_in_any_case() {
        assert_eq!(LanguageTag::parse("zh-Hant-TW").unwrap().as_str(), "zh-hant-tw");
    }

    #[test]
    fn malformed_tags_are_refused() {
        for text in ["", "-", "de-", "d\u{e9}", "1a", "toolongsubtag", "de\r\n"] {
            assert_eq!(LanguageTag::parse(text), Err(LanguageError::Shape), "{text:?}");
        }
        assert_eq!(LanguageTag::parse(&"a-".repeat(40)), Err(LanguageError::TooLong));
    }

    #[test]
    fn a_tag_of_35_bytes_is_the_longest() {
        let longest = "de-aaaaaaaa-bbbbbbbb-cccccccc-ddddd";
        assert_eq!(LanguageTag::parse(longest).unwrap().to_string(), longest);
        assert_eq!(LanguageTag::parse(&format!("{longest}d")), Err(LanguageError::TooLong));
        assert_eq!(LanguageTag::parse("de-123456789"), Err(LanguageError::Shape));
        assert!(LanguageTag::parse("es-419").is_ok());
    }
}
