//! Whole processes: killed, cut off, overloaded, many at once, and seen through a browser.
#![allow(
    clippy::as_conversions,
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::print_stdout,
    clippy::unwrap_used,
    missing_debug_implementations,
    missing_docs,
    unreachable_pub,
    reason = "tests stop loudly"
)]

#[path = "../support/hosted.rs"]
mod process;
#[path = "../support/servers.rs"]
mod servers;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "sqlite")]
mod crash;
#[cfg(all(feature = "axum", feature = "smtp", feature = "sqlite"))]
mod cuts;
#[cfg(all(feature = "axum", feature = "postgres", feature = "redis"))]
mod fleet;
#[cfg(all(feature = "axum", feature = "smtp", feature = "sqlite"))]
mod hosted;
#[cfg(target_os = "linux")]
mod memory_dump;
mod overload;
#[cfg(all(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod race;
#[cfg(all(feature = "smtp", feature = "sqlite"))]
mod terminal;
