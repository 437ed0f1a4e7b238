//! The path to which users go after the sign-in.

use thiserror::Error;

/// The longest path, in bytes. A longer one is refused before it is read.
const LONGEST: usize = 256;

/// A path of this origin to which a user returns after the sign-in.
///
/// # Security
/// The path is absolute, printable ASCII and at most 256 bytes. It has no `//` at the start and no
/// backslash. No browser reads such a path as another origin, so it is not an open redirect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReturnTo(Box<str>);

/// The error for a text that is not a path of this origin.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error("return_to: must be a path of this origin like /cart, at most 256 bytes")]
#[non_exhaustive]
pub struct ReturnToError;

debug_is_text!(ReturnToError);

impl ReturnTo {
    /// Reads a path.
    ///
    /// # Errors
    /// [`ReturnToError`] if the text is not such a path.
    ///
    /// # Examples
    /// ```
    /// use sspr::http::ReturnTo;
    ///
    /// let cart = ReturnTo::parse("/cart?step=2")?;
    /// assert!(ReturnTo::parse("https://elsewhere.example/").is_err());
    /// # Ok::<(), sspr::http::ReturnToError>(())
    /// ```
    pub fn parse(text: &str) -> Result<Self, ReturnToError> {
        if text.len() > LONGEST {
            return Err(ReturnToError);
        }
        let printable = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\');
        let local = text.starts_with('/') && !text.starts_with("//");
        // A path like `/a/../../b` would leave the application, and nobody writes it by accident.
        let path = text.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
        let climbs =
            path.split('/').any(|part| matches!(part.replace("%2e", ".").as_str(), ".." | "."));
        if printable && local && !climbs { Ok(Self(text.into())) } else { Err(ReturnToError) }
    }

    /// Returns the path `/`.
    pub(super) fn root() -> Self {
        Self("/".into())
    }

    /// Returns the path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns the path with `prefix` before it, unless it already has that prefix.
    pub(super) fn below(&self, prefix: &str) -> Self {
        if prefix.is_empty() || self.is_below(&Self(prefix.into())) {
            self.clone()
        } else {
            Self([prefix, &*self.0].concat().into())
        }
    }

    /// Returns whether the path is `home` or lies below it.
    pub(super) fn is_below(&self, home: &Self) -> bool {
        let Some(rest) = self.0.strip_prefix(home.0.trim_end_matches('/')) else { return false };
        rest.is_empty() || rest.starts_with(['/', '?', '#'])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_this_origin_are_read() {
        for good in ["/", "/cart", "/cart?x=1#y", "/a//b", "/a/b.c", "/shop/%20"] {
            assert_eq!(ReturnTo::parse(good).map(|it| it.0.into_string()), Ok(good.to_owned()));
        }
        let (longest, long) = (format!("/{}", "a".repeat(255)), format!("/{}", "a".repeat(256)));
        assert!(ReturnTo::parse(&longest).is_ok());
        for bad in [
            "",
            "cart",
            "//evil.example",
            "/\\evil.example",
            "https://evil.example",
            "/a b",
            "/a\r\nSet-Cookie:x=1",
            "/a\0",
            "javascript:alert(1)",
            "/ä",
            &long,
            "\t/a",
            "/a/../b",
            "/shop/%2e%2E/admin",
            "/..",
            "/./x",
        ] {
            assert_eq!(ReturnTo::parse(bad), Err(ReturnToError), "{bad}");
        }
    }
}
