//! What the ports promise, on each adapter of this crate and on the servers behind them.
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

#[cfg(all(feature = "conformance", any(feature = "postgres", feature = "sqlite")))]
#[path = "../support/accounts.rs"]
mod accounts;
#[cfg(any(feature = "postgres", feature = "redis", feature = "smtp", feature = "webhook"))]
#[path = "../support/certificates.rs"]
mod certificates;
#[cfg(feature = "webhook")]
#[path = "../support/http_handler.rs"]
mod http_handler;
#[cfg(any(feature = "postgres", feature = "redis"))]
#[path = "../support/proxy.rs"]
mod proxy;
#[cfg(any(feature = "postgres", feature = "redis"))]
#[path = "../support/servers.rs"]
mod servers;
#[cfg(feature = "smtp")]
#[path = "../support/smtp_script.rs"]
mod smtp_script;
#[path = "../support/mod.rs"]
mod support;

#[cfg(feature = "conformance")]
mod broken_stores;
#[cfg(feature = "conformance")]
mod contract_files;
#[cfg(feature = "conformance")]
mod contract_memory;
#[cfg(all(feature = "conformance", feature = "postgres"))]
mod contract_postgres;
#[cfg(all(feature = "conformance", feature = "redis"))]
mod contract_redis;
#[cfg(all(feature = "conformance", feature = "sqlite"))]
mod contract_sqlite;
#[cfg(feature = "webhook")]
mod providers;
#[cfg(feature = "smtp")]
mod smtp;
#[cfg(feature = "smtp")]
mod smtp_connections;
#[cfg(feature = "smtp")]
mod smtp_scripts;
#[cfg(feature = "smtp")]
mod smtp_seams;
#[cfg(all(feature = "postgres", feature = "redis", feature = "sqlite"))]
mod store_seams;
#[cfg(feature = "webhook")]
mod webhook;
