//! The origin of a page, as browsers send it in `Origin`.

use std::net::Ipv6Addr;

use axum::http::{HeaderValue, uri::Authority};

/// A scheme and a host as browsers write them (RFC 6454 section 6.2): in small letters and without
/// the default port of the scheme.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Origin(String);

impl Origin {
    /// Reads `https://shop.example`, also with its default port, or a mobile shell's own scheme
    /// like `capacitor://localhost`. Paths and wildcards are refused.
    ///
    /// `null` is refused, and so are schemes that have no origin of their own.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let letters = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
        let named = scheme.starts_with(|first: char| first.is_ascii_alphabetic());
        if !named || !scheme.bytes().all(letters) || OPAQUE.contains(&&*scheme) {
            return None;
        }
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        if !rest.bytes().all(plain) {
            return None;
        }
        let authority = Authority::try_from(rest).ok()?;
        let host = host(authority.host())?;
        let port = match (authority.port_u16(), rest.len() - authority.host().len()) {
            (None, 0) => String::new(),
            (Some(port), _) if Some(port) == default_port(&scheme) => String::new(),
            (Some(port), _) if port > 0 => format!(":{port}"),
            _ => return None,
        };
        Some(Self(format!("{scheme}://{host}{port}")))
    }

    /// Returns whether a request's `Origin` is this origin.
    pub(super) fn is(&self, header: &HeaderValue) -> bool {
        let text = core::str::from_utf8(header.as_bytes()).ok();
        text.and_then(Self::parse).is_some_and(|other| other == *self)
    }
}

/// The schemes of pages that share one opaque origin or run in the origin of another page.
const OPAQUE: [&str; 5] = ["about", "blob", "data", "file", "javascript"];

fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        _ => None,
    }
}

fn host(text: &str) -> Option<String> {
    match text.strip_prefix('[') {
        Some(rest) => {
            let address: Ipv6Addr = rest.strip_suffix(']')?.parse().ok()?;
            Some(format!("[{address}]"))
        }
        None => {
            let named = text.bytes().any(|byte| byte.is_ascii_alphanumeric());
            named.then(|| text.to_ascii_lowercase())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admits(listed: &str, sent: &str) -> bool {
        let origin = Origin::parse(listed).unwrap_or_else(|| panic!("{listed}"));
        origin.is(&HeaderValue::from_str(sent).unwrap())
    }

    #[test]
    fn a_default_port_is_no_port() {
        for listed in ["https://shop.example", "https://shop.example:443", "HTTPS://Shop.Example"] {
            assert!(admits(listed, "https://shop.example"), "{listed}");
            assert!(admits(listed, "https://shop.example:443"), "{listed}");
            for other in [
                "http://shop.example",
                "https://shop.example:80",
                "https://shop.example:8443",
                "https://www.shop.example",
                "https://shop.example.evil.example",
                "null",
                "",
                "https://shop.example/",
                "https://evil@shop.example",
            ] {
                assert!(!admits(listed, other), "{listed}: {other}");
            }
        }
        assert!(admits("http://[0:0:0:0:0:0:0:1]:80", "http://[::1]"));
        assert!(admits("http://localhost:8081", "http://localhost:8081"));
        assert!(!admits("http://localhost:8081", "http://localhost"));
    }

    #[test]
    fn the_schemes_of_mobile_shells_are_origins() {
        for shell in
            ["capacitor://localhost", "ionic://localhost", "app://bundle", "tauri://localhost"]
        {
            assert!(admits(shell, shell), "{shell}");
            assert!(!admits(shell, "https://localhost") && !admits("https://localhost", shell));
        }
        assert!(!admits("capacitor://localhost:443", "capacitor://localhost"));
    }

    #[test]
    fn what_is_no_origin_is_refused() {
        for bad in [
            "",
            "*",
            "null",
            "https://",
            "https://*",
            "https://*.shop.example",
            "https://shop.example/",
            "https://shop.example/x",
            "https://shop.example?x",
            "https://shop.example#x",
            "https://a@shop.example",
            "https://shop.example:",
            "https://shop.example:0",
            "https://shop.example:65536",
            "https://shop.example:+1",
            "https://shop.example:80:80",
            "https://[::1",
            "https://[::g]",
            "https://sh op.example",
            "https://b\u{fc}cher.example",
            "//shop.example",
            "://shop.example",
            "1a://localhost",
            "file://localhost",
            "data://localhost",
            "javascript://localhost",
            "blob://localhost",
            "https://-",
        ] {
            assert_eq!(Origin::parse(bad), None, "{bad}");
        }
        assert!(
            !Origin::parse("https://a.example")
                .unwrap()
                .is(&HeaderValue::from_bytes(b"\xff").unwrap())
        );
    }
}
