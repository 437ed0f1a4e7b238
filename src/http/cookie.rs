//! The cookies of the pages: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`.

use core::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

/// Returns the value of a cookie. Returns `None` if the cookie is missing, given twice, or not
/// text.
///
/// A malformed or non-ASCII cookie in the same line (such as `city=Zürich`) does not hide other
/// cookies. `HeaderValue::to_str` would refuse the whole line because of it.
///
/// ```
/// use axum::http::{HeaderMap, HeaderValue};
///
/// let mut headers = HeaderMap::new();
/// headers.insert("cookie", HeaderValue::from_bytes(b"city=Z\xfcrich; __Host-session=1")?);
/// assert_eq!(sspr::http::cookie(&headers, "__Host-session"), Some("1"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use]
pub fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    let mut found = pairs.filter_map(|pair| value_of(pair.trim_ascii(), name.as_bytes()));
    let value = found.next()?;
    if found.next().is_some() { None } else { core::str::from_utf8(value).ok() }
}

/// Returns whether a request brings a cookie of that name, readable or not.
pub(super) fn is_sent(headers: &HeaderMap, name: &str) -> bool {
    let lines = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
    let mut pairs = lines.flat_map(|line| line.split(|byte| *byte == b';'));
    pairs.any(|pair| value_of(pair.trim_ascii(), name.as_bytes()).is_some())
}

fn value_of<'a>(pair: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let rest = pair.strip_prefix(name)?.trim_ascii_start();
    rest.strip_prefix(b"=").map(<[u8]>::trim_ascii)
}

/// Returns a `Set-Cookie` line, or `None` if the line is not a valid header value. `value` must be
/// base64url, so that it needs no quoting.
pub(super) fn write(name: &str, value: &str, lifetime: Option<Duration>) -> Option<HeaderValue> {
    let age = lifetime.map_or_else(String::new, |it| format!("; Max-Age={}", it.as_secs()));
    let line = format!("{name}={value}; Path=/; Secure; HttpOnly; SameSite=Lax{age}");
    HeaderValue::from_str(&line).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[&str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            headers.append(COOKIE, line.parse().unwrap());
        }
        headers
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        assert_eq!(read(&headers(&["a=1; __Host-x=2"]), "__Host-x"), Some("2"));
        assert_eq!(read(&headers(&["__Host-xy=2", "b=3"]), "__Host-x"), None);
        assert_eq!(read(&headers(&["x=1; x=2"]), "x"), None);
        assert_eq!(read(&headers(&["x=1", "x=2"]), "x"), None);
    }

    #[test]
    fn neighbours_that_are_malformed_or_no_text_spoil_only_themselves() {
        let latin = b"city=Z\xfcrich; __Host-x=2; y=\xff";
        for line in [
            &latin[..],
            "city=Zürich; __Host-x=2".as_bytes(),
            b"=; ; nothing; =x; __Host-x=2;;",
            b"a=\"; b=\"; __Host-x = 2 ",
            b"__Host-x=2;\xe4=1",
            b"\x80__Host-x=1; __Host-x=2",
        ] {
            let mut headers = HeaderMap::new();
            headers.append(COOKIE, HeaderValue::from_static("theme=dark"));
            headers.append(COOKIE, HeaderValue::from_bytes(line).unwrap());
            headers.append(COOKIE, HeaderValue::from_bytes(b"\xff\xfe").unwrap());
            assert_eq!(read(&headers, "__Host-x"), Some("2"), "{line:?}");
        }
        let mut own = HeaderMap::new();
        own.append(COOKIE, HeaderValue::from_bytes(b"__Host-x=\xfc").unwrap());
        assert_eq!(read(&own, "__Host-x"), None);
    }

    #[test]
    fn a_cookie_is_written_with_every_guard() {
        let line = write("__Host-x", "v", Some(Duration::from_secs(60))).unwrap();
        let wanted = "__Host-x=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60";
        assert_eq!(line, wanted);
        assert_eq!(write("x", "a\nb", None), None);
    }
}
