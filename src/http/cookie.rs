//! The few cookies there are: `__Host-`, `Secure`, `HttpOnly`, `SameSite=Lax`.

use core::time::Duration;

use axum::http::{HeaderMap, HeaderValue, header::COOKIE};

/// The value of a cookie; `None` if it is missing or given twice.
pub(super) fn read<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers.get_all(COOKIE).iter().filter_map(|line| line.to_str().ok());
    let pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.split_once('='));
    let mut found = pairs.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim());
    let value = found.next()?;
    found.next().is_none().then_some(value)
}

/// A `Set-Cookie` line. `value` is base64url, so it needs no quoting; `None` if it were not.
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
    fn a_cookie_is_written_with_every_guard() {
        let line = write("__Host-x", "v", Some(Duration::from_secs(60))).unwrap();
        let wanted = "__Host-x=v; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=60";
        assert_eq!(line, wanted);
        assert_eq!(write("x", "a\nb", None), None);
    }
}
