//! Attacks that came over HTTP, replayed through the real router: hosted pages and native API. The
//! numbers are those of the list in `attacks.rs`, which also checks that each row has its test.
#![cfg(feature = "axum")]
#![allow(
    clippy::as_conversions,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

mod support;

#[path = "attacks/http_bodies.rs"]
mod http_bodies;
#[path = "attacks/http_fronts.rs"]
mod http_fronts;
#[path = "attacks/http_headers.rs"]
mod http_headers;
#[path = "attacks/http_sessions.rs"]
mod http_sessions;
#[path = "attacks/site.rs"]
mod site;
