//! Attacks that worked against others, replayed against the engine; those that came over HTTP are in
//! `attacks_http.rs`. The numbers are those of the list that they were collected in; `attack_own_…`
//! are of our own making.
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

#[path = "attacks/addresses.rs"]
mod addresses;
#[path = "attacks/codes.rs"]
mod codes;
#[path = "attacks/crate_itself.rs"]
mod crate_itself;
#[path = "attacks/enumeration.rs"]
mod enumeration;
#[path = "attacks/flow.rs"]
mod flow;
#[path = "attacks/guessing.rs"]
mod guessing;
#[path = "attacks/own_budgets.rs"]
mod own_budgets;
#[path = "attacks/own_secrets.rs"]
mod own_secrets;
#[path = "attacks/passwords.rs"]
mod passwords;
