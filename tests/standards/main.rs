//! Clauses of published standards, by name: each test checks one figure or behaviour through the
//! public API. What each asks and who meets it: `src/manual/standards.md`.
//!
//! `cargo test --test standards` for the core, `cargo test --features axum --test standards` also for
//! what is on the wire.
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

mod asvs;
mod matrix;
mod nist;
mod owasp;
mod rfc;
#[path = "../support/mod.rs"]
mod support;
#[cfg(feature = "axum")]
mod wire;

use std::future::Future;

use sspr::{
    TenantPolicy,
    policy::{LimitsBuilder, PasswordContext, PasswordIssue, PasswordRules},
};
use support::{World, password, tenant};

/// Runs one body in Ada's world.
fn with_ada<F: Future<Output = ()>>(body: impl FnOnce(World) -> F) {
    support::runtime().block_on(async { body(World::memory().await).await });
}

/// What a tenant's rules say of a password, nobody's in particular.
fn issues(rules: &PasswordRules, text: &str) -> Vec<PasswordIssue> {
    let tenant = tenant();
    let about = PasswordContext { account: None, brand: "Larkfield", tenant: &tenant };
    rules.check(&password(text), &about)
}

/// Ada's tenant with other limits.
fn limit(world: &World, limits: LimitsBuilder) {
    let limits = limits.build().unwrap();
    world.policies.replace(TenantPolicy::customers("contoso").unwrap().with_limits(limits));
}
