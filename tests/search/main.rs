//! Searches: every state, whole worlds by chance, and what chance must not favour.
//!
//! They take seconds in release builds and minutes without optimisation.
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

#[path = "../support/mod.rs"]
mod support;

mod codes;
mod exhaustive;
mod exhaustive_engine;
mod model;
mod simulation;
mod toll;
