//! The path before the application's own paths, which a proxy strips.

use thiserror::Error;

use super::ReturnTo;

/// The prefix that a proxy strips from every path, or an empty path. With `/auth`, users see
/// `/auth/account/sign-in` and the application sees `/account/sign-in`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PublicPath(String);

/// The error for a text that is not a public path.
#[derive(Clone, Copy, Error, PartialEq, Eq)]
#[error(
    "public path: a path like /auth is wanted, letters, digits and -._~ between single slashes"
)]
#[non_exhaustive]
pub struct PublicPathError;

debug_is_text!(PublicPathError);

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

    /// Returns the path, without a slash at its end.
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Returns a path of the application as users see it. A path that already has the prefix stays
    /// as it is.
    pub(super) fn publish(&self, path: &ReturnTo) -> ReturnTo {
        path.below(&self.0)
    }

    /// Returns the wanted path if it lies below `home`, and otherwise `home`. Either is returned as
    /// users see it.
    pub(super) fn publish_below(&self, home: &ReturnTo, wanted: Option<&str>) -> ReturnTo {
        let home = self.publish(home);
        let wanted = wanted.and_then(|wanted| ReturnTo::parse(wanted).ok());
        let wanted = wanted.map(|wanted| self.publish(&wanted));
        wanted.filter(|wanted| wanted.is_below(&home)).unwrap_or(home)
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

    #[test]
    fn a_return_stays_below_home() {
        let home = ReturnTo::parse("/shop").unwrap();
        let return_to =
            |wanted: Option<&str>, public: &PublicPath| public.publish_below(&home, wanted);
        for (wanted, expected) in [
            ("/shop/cart", "/shop/cart"),
            ("/shop?x=1", "/shop?x=1"),
            ("/shop", "/shop"),
            ("/shopping", "/shop"),
            ("/admin", "/shop"),
            ("//evil.example", "/shop"),
            ("https://evil.example/shop", "/shop"),
        ] {
            let nowhere = PublicPath::default();
            assert_eq!(return_to(Some(wanted), &nowhere).as_str(), expected, "{wanted}");
            let auth = PublicPath::parse("/auth").unwrap();
            let published = format!("/auth{expected}");
            assert_eq!(return_to(Some(wanted), &auth).as_str(), published, "{wanted}");
            let published = return_to(Some(&format!("/auth{expected}")), &auth);
            assert_eq!(published.as_str(), format!("/auth{expected}"));
        }
        assert_eq!(return_to(None, &PublicPath::default()).as_str(), "/shop");
    }
}
