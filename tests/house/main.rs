//! What holds of the source itself: its floors, its rules, its documents, its sabotage.
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

mod charts;
mod imports;
mod layering;
mod manual;
mod prose;
mod sabotage;
mod source_rules;
