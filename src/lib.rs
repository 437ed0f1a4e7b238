#![doc = include_str!("../README.md")]
//!
//! # Map
//!
//! | room | what is in it |
//! |---|---|
//! | [`domain`] | values: addresses, codes, secrets, passwords, keys, accounts |
//! | [`policy`] | what the administrator decides |
//! | [`flow`] | what happens to one reset: pure machines |
//! | [`mail`] | what a mail says |
//! | [`ports`] | what the host supplies, with the contract of each method |
//! | [`engine`] | the driver: requests in, outcomes out; the courier |
//! | [`adapters`] | ports, implemented |
//! | [`manual`] | chapters: first steps, embedding, stores, policies, defaults, operations, standards, threat model, questions |
//! | `conformance` | the suite for ports of your own (feature `conformance`) |
//! | `http` | the axum front (feature `axum`): pages, native API, administrator |
#![cfg_attr(docsrs, feature(doc_cfg))]

pub mod adapters;
#[cfg(feature = "conformance")]
pub mod conformance;
pub mod domain;
pub mod engine;
mod error;
#[doc(hidden)]
pub mod flow;
#[cfg(feature = "axum")]
pub mod http;
pub mod mail;
pub mod manual;
pub mod policy;
pub mod ports;
mod sync;
mod wiring;

/// What a [code store](ports::CodeStore) keeps and answers, for authors of stores.
pub mod store {
    pub use crate::domain::counter::{Charge, CounterName, Family, Over};
    pub use crate::ports::code_store::{
        Attempted, Inserted, Loaded, Record, SWEEP_MARGIN, Swapped,
    };
}

pub use domain::{
    Account, AccountId, Application, Code, EmailAddress, FlowToken, Grant, Keyring, Password,
    Stamp, Ticket,
};
pub use engine::{
    Client, Courier, OpenOutcome, RedeemOutcome, Rejection, Request, SendOutcome, SignInOutcome,
    Sspr, StartOutcome, StatusOutcome, SubmitOutcome, VerifyOutcome,
};
pub use error::{Error, ErrorKind};
pub use policy::TenantPolicy;
