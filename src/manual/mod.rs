//! The manual, chapter by chapter.
//!
//! - [`getting_started`]: from `cargo add` to a finished reset, in memory, on a disk, in axum
//! - [`concepts`]: the words, the journey, what each call may answer
//! - [`embedding`]: your users table, sessions, mails, events, proxies; mistakes and how to see them
//! - [`stores`]: which store to take, what each promises, how to write one
//! - [`policy_for_administrators`]: user flows, Email OTP, Graph JSON, password rules; what differs from Entra
//! - [`defaults`]: every number, its bounds and its source
//! - [`hashing`]: slow hashes: the pool, the fast kernel, what stays in memory
//! - [`operations`]: many processes: clocks, keys, upgrades, backups, what to watch
//! - [`mail`]: the mail server: its URL, access tokens, what the errors mean, bounds
//! - [`scale`]: what one server carries, and the next step
//! - [`standards`]: NIST, OWASP, RFCs and WCAG, clause by clause: how each is met, or that it is not
//! - [`threat_model`]: what is promised, against whom, by which tests; and every limit
//! - [`dependencies`]: what this crate stands on, and why each of it is not written here
//! - [`faq`]: questions that users of such services ask, answered with what to write

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

#[doc = include_str!("mail.md")]
pub mod mail {}

#[doc = include_str!("operations.md")]
pub mod operations {}

#[doc = include_str!("policy_for_administrators.md")]
pub mod policy_for_administrators {}

#[doc = include_str!("scale.md")]
pub mod scale {}

#[doc = include_str!("standards.md")]
pub mod standards {}

#[doc = include_str!("stores.md")]
pub mod stores {}

#[doc = include_str!("threat_model.md")]
pub mod threat_model {}
