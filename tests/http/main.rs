//! The pages, the native API and the administrator's side.
#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

#[cfg(feature = "axum")]
#[path = "../../examples/fleet/older_codec.rs"]
mod older_codec;
#[path = "../support/stranger.rs"]
mod stranger;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "axum")]
mod admin;
#[cfg(feature = "axum")]
mod admin_customers;
#[cfg(feature = "axum")]
mod admin_edges;
#[cfg(feature = "axum")]
mod admin_stores;
#[cfg(feature = "axum")]
mod header_table;
#[cfg(feature = "axum")]
mod headers;
#[cfg(feature = "axum")]
mod me;
#[cfg(feature = "axum")]
mod native;
#[cfg(feature = "axum")]
mod native_edges;
#[cfg(feature = "axum")]
mod native_sms;
#[cfg(feature = "axum")]
mod native_start;
#[cfg(feature = "axum")]
mod native_texts;
#[cfg(feature = "axum")]
mod pages;
#[cfg(feature = "axum")]
mod pages_change;
#[cfg(feature = "axum")]
mod pages_change_repeats;
#[cfg(feature = "axum")]
mod pages_edges;
#[cfg(feature = "axum")]
mod pages_forgot;
#[cfg(feature = "axum")]
mod pages_freeze;
#[cfg(feature = "axum")]
mod pages_must_change;
#[cfg(feature = "axum")]
mod pages_older;
#[cfg(feature = "axum")]
mod pages_outcomes;
#[cfg(feature = "axum")]
mod pages_sms;
#[cfg(feature = "axum")]
mod pages_support_code;
#[cfg(feature = "axum")]
mod pages_two_proofs;
#[cfg(feature = "axum")]
mod seams;
#[cfg(feature = "axum")]
mod signed_in;
#[cfg(feature = "axum")]
mod stranger_cost_http;
