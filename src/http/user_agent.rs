//! The `User-Agent` of a request.

use axum::http::{HeaderMap, header::USER_AGENT};

use crate::domain::UserAgent;

/// Reads the `User-Agent`. Bytes that are no text are replaced.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<UserAgent> {
    UserAgent::new(&String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_calls_itself_is_read_and_what_is_no_text_replaced() {
        let read = |value: &[u8]| {
            let mut headers = HeaderMap::new();
            headers.insert(USER_AGENT, value.try_into().unwrap());
            user_agent(&headers).map(|it| it.as_str().to_owned())
        };
        assert_eq!(read(b"Firefox/150").as_deref(), Some("Firefox/150"));
        assert_eq!(read(b"Fire\xfffox").as_deref(), Some("Fire\u{fffd}fox"));
        assert!(user_agent(&HeaderMap::new()).is_none());
    }
}
