//! The path before the application's own paths, which a proxy strips.

use axum::http::{Extensions, HeaderMap};
use thiserror::Error;

use super::{ReturnTo, TrustedProxies};

/// The prefix that a proxy strips from every path, or an empty path. With `/auth`, users see
/// `/auth/account/sign-in` and the application sees `/account/sign-in`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PublicPath(String);

/// The error for a text that is not a public path.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "public path: a path like /auth is wanted, letters, digits and -._~ between single slashes"
)]
#[non_exhaustive]
pub struct PublicPathError;

impl PublicPath {
    /// Reads a plain path: letters, digits and `-._~` between single slashes. Such a path cannot
    /// name another origin and contains no markup.
    pub(super) fn parse(text: &str) -> Option<Self> {
        ReturnTo::parse(text).ok()?;
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let whole = path.is_empty() || path.starts_with('/');
        let good = whole && path.bytes().all(plain) && !path.contains("//");
        good.then(|| Self(path.to_owned()))
    }

    /// Returns the path of a request: the host's setting, or else the one that a trusted proxy
    /// reports.
    pub(super) fn of(
        set: Option<&Self>,
        proxies: &TrustedProxies,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Self {
        set.cloned().unwrap_or_else(|| proxies.prefix(extensions, headers))
    }

    /// Returns the path, without a slash at its end.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a path of the application as users see it. A path that already has the prefix stays
    /// as it is.
    pub(super) fn publish(&self, path: &ReturnTo) -> ReturnTo {
        path.below(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_of_the_application_gets_the_prefix_once() {
        let auth = PublicPath::parse("/auth").unwrap();
        for (path, published) in [
            ("/", "/auth/"),
            ("/shop?x=/auth", "/auth/shop?x=/auth"),
            ("/auth/shop", "/auth/shop"),
            ("/auth", "/auth"),
            ("/author", "/auth/author"),
        ] {
            let path = ReturnTo::parse(path).unwrap();
            assert_eq!(auth.publish(&path).as_str(), published);
            assert_eq!(PublicPath::default().publish(&path), path);
        }
    }
}
