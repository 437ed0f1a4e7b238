//! The `User-Agent` of a client, for the audit log.

use core::fmt;

use super::characters::is_unseen;

/// The most characters that are kept.
const MOST_CHARACTERS: usize = 256;

/// A `User-Agent`, cleaned for a log.
///
/// It has at most 256 characters, and none that is invisible or ends a line. The client chooses the
/// text freely, so that it proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserAgent(Box<str>);

impl UserAgent {
    /// Reads the text of the header. Each character that does not belong into a log becomes a
    /// question mark.
    /// Returns `None` if nothing is left.
    #[must_use]
    pub fn new(text: &str) -> Option<Self> {
        let kept = text.trim().chars().take(MOST_CHARACTERS);
        let kept: String = kept.map(|c| if is_unseen(c) { '?' } else { c }).collect();
        (!kept.is_empty()).then(|| Self(kept.into()))
    }

    /// Returns the cleaned text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for UserAgent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_agent_is_one_bounded_line() {
        let kept = |text: &str| UserAgent::new(text).map(|it| it.as_str().to_owned());
        assert_eq!(kept(" Firefox/150 ").as_deref(), Some("Firefox/150"));
        assert_eq!(kept("a\r\nb\u{2028}\u{202e}c").as_deref(), Some("a??b??c"));
        assert_eq!(kept("  "), None);
        assert_eq!(kept(&"é".repeat(300)).map(|it| it.chars().count()), Some(256));
    }
}
