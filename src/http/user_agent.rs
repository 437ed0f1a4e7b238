//! The `User-Agent` of a request.

use axum::http::{HeaderMap, header::USER_AGENT};

use crate::domain::UserAgent;

/// Reads the `User-Agent`. Bytes that are no text are replaced.
pub(super) fn user_agent(headers: &HeaderMap) -> Option<UserAgent> {
    UserAgent::new(&String::from_utf8_lossy(headers.get(USER_AGENT)?.as_bytes()))
}
