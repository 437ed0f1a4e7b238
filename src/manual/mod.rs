//! The chapters of the manual.
//!
//! - [`getting_started`]: the steps from `cargo add` to a finished reset: in memory, on disk and in axum
//! - [`concepts`]: the words, the user's journey, and the possible answers of each call
//! - [`embedding`]: your users table, sessions, mails, events and proxies, and how to notice mistakes
//! - [`native_api`]: a reset from a mobile app or a single-page app, call by call
//! - [`stores`]: how to choose a store, what each store promises, and how to write one
//! - [`policy_for_administrators`]: user flows, Email OTP, Graph JSON, password rules, and the
//!   differences from Entra
//! - [`help_desk`]: what staff can do for a customer, what they check first, and how to mount it
//! - [`defaults`]: all numbers with their defaults, bounds and sources
//! - [`hashing`]: password hashing: the pool, the fast kernel, and what stays in memory
//! - [`operations`]: running many processes: clocks, keys, upgrades, backups, monitoring, audit log
//! - [`mail`]: the mail server: URL, access tokens, errors and time limits
//! - [`sms`]: codes by SMS beside e-mail: how to switch them on, what strangers see, and the cost
//! - [`two_proofs`]: a second proof before the new password, also one that the host checks
//! - [`scale`]: the load that one server can carry, and the next steps
//! - [`standards`]: NIST, OWASP, RFCs and WCAG, clause by clause, and how far each clause is met
//! - [`threat_model`]: the attackers, the promises, the tests that prove them, and the limits
//! - [`dependencies`]: the dependencies, and the reason for each of them
//! - [`faq`]: common questions, answered with the code to write

#[doc = include_str!("concepts.md")]
#[doc = include_str!("../flow/reset.md")]
pub mod concepts {}

#[doc = include_str!("defaults.md")]
pub mod defaults {}

#[doc = include_str!("dependencies.md")]
pub mod dependencies {}

#[doc = include_str!("embedding.md")]
pub mod embedding {}

#[doc = include_str!("faq.md")]
pub mod faq {}

#[doc = include_str!("getting_started.md")]
pub mod getting_started {}

#[doc = include_str!("hashing.md")]
pub mod hashing {}

#[doc = include_str!("help_desk.md")]
pub mod help_desk {}

#[doc = include_str!("mail.md")]
pub mod mail {}

#[doc = include_str!("native_api.md")]
pub mod native_api {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("policy_for_administrators.md")]
pub mod policy_for_administrators {}

#[doc = include_str!("scale.md")]
pub mod scale {}

#[doc = include_str!("sms.md")]
pub mod sms {}

#[doc = include_str!("standards.md")]
pub mod standards {}

#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}

#[doc = include_str!("two_proofs.md")]
pub mod two_proofs {}
