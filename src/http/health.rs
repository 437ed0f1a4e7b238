//! Health checks, which say whether the process is up and whether it can serve.

use axum::{
    Router,
    body::Body,
    extract::State,
    http::{
        HeaderValue, StatusCode,
        header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS},
    },
    response::Response,
    routing::get,
};

use super::hardening::say_when;
use crate::engine::Sspr;

/// Returns a router with the health checks `GET /live` and `GET /ready`.
///
/// `/live` answers 200 while the process runs. `/ready` answers 200 if the code store answers, and
/// 503 otherwise. The answers contain nothing else. Mount the checks where only your own machines
/// can reach them.
pub fn health(sspr: &Sspr) -> Router {
    Router::new()
        .route("/live", get(|| core::future::ready(plain(StatusCode::OK, "live\n"))))
        .route("/ready", get(ready))
        .with_state(sspr.clone())
}

async fn ready(State(sspr): State<Sspr>) -> Response {
    match sspr.probe().await {
        Ok(()) => plain(StatusCode::OK, "ready\n"),
        Err(_) => plain(StatusCode::SERVICE_UNAVAILABLE, "the code store does not answer\n"),
    }
}

fn plain(status: StatusCode, words: &'static str) -> Response {
    let mut response = Response::new(Body::from(words));
    *response.status_mut() = status;
    let text = HeaderValue::from_static("text/plain; charset=utf-8");
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, text);
    // A cached answer could say that a process is up although it is not.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    say_when(&mut response);
    response
}
