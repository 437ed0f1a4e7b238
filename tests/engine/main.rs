//! The core through its public face: the journeys, and what must hold on the way.
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

#[path = "../support/stranger.rs"]
mod stranger;
#[path = "../support/mod.rs"]
mod support;

mod audit;
mod budget;
mod change;
mod courier;
mod courier_run;
mod deadlines;
mod defaults;
mod delivery;
mod desk_limits;
mod dropped_callers;
mod entrances;
mod enumeration;
mod event_fields;
mod events;
mod freeze;
mod fused;
mod help_desk;
mod invariants;
mod lanes;
mod late;
mod limits;
mod mail_files;
mod mail_texts;
mod operations;
mod overtaken;
mod port_errors;
mod ports;
mod reached_limits;
mod second_texts;
#[cfg(all(feature = "sqlite", feature = "tracing"))]
mod secrets;
mod sign_in;
mod sms;
mod sms_limits;
mod start;
mod stranger_cost;
mod text_notices;
mod text_watch;
mod turns;
mod two_proofs;
