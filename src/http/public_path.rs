//! The path before the application's own paths, which a proxy takes away.

use axum::http::{Extensions, HeaderMap};
use thiserror::Error;

use super::{ReturnTo, TrustedProxies};

/// What a proxy takes off the front of every path: `/auth` where people see `/auth/account/sign-in`
/// and the application `/account/sign-in`. Empty where nothing is taken away.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PublicPath(String);

/// A text is no public path.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
#[error(
    "public path: a path like /auth is wanted, letters, digits and -._~ between single slashes"
)]
#[non_exhaustive]
pub struct PublicPathError;

impl PublicPath {
    /// Reads a plain path: letters, digits and `-._~` between single slashes. So it can be no other
    /// origin, and nothing of it is markup.
    pub(super) fn parse(text: &str) -> Option<Self> {
        ReturnTo::parse(text).ok()?;
        let path = text.strip_suffix('/').unwrap_or(text);
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte);
        let whole = path.is_empty() || path.starts_with('/');
        let good = whole && path.bytes().all(plain) && !path.contains("//");
        good.then(|| Self(path.to_owned()))
    }

    /// The path of a request: the one that the host has set, else what a trusted proxy says.
    pub(super) fn of(
        set: Option<&Self>,
        proxies: &TrustedProxies,
        extensions: &Extensions,
        headers: &HeaderMap,
    ) -> Self {
        set.cloned().unwrap_or_else(|| proxies.prefix(extensions, headers))
    }

    /// The path, without a slash at its end.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// A path of the application as people see it. One that has the prefix already stays as it is.
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
