#![doc = include_str!("../README.md")]
//!
//! # Modules
//!
//! | module | contents |
//! |---|---|
//! | [`adapters`] | implementations of the ports |
//! | `conformance` | test suites for ports of your own (feature `conformance`) |
//! | [`domain`] | values: addresses, codes, secrets, passwords, keys, accounts |
//! | [`engine`] | the service: requests, outcomes and the courier |
//! | `http` | pages, native API and administrator for axum (feature `axum`) |
//! | [`mail`] | the texts of mails |
//! | [`manual`] | the manual, chapter by chapter |
//! | [`policy`] | policies: user flows, methods, password rules, limits |
//! | [`ports`] | traits that the host implements, each with its contract |
//! | [`store`] | the values of a code store, for authors of stores |
#![cfg_attr(docsrs, feature(doc_cfg))]

#[macro_use]
mod error_text;

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

/// The values that a [code store](ports::CodeStore) keeps and answers, for authors of stores.
pub mod store {
    pub use crate::domain::counter::{Charge, CounterName, Family, Over};
    pub use crate::ports::code_store::{
        Attempted, Inserted, Loaded, Record, SWEEP_MARGIN, StoredRecord, Swapped,
    };
}

pub use domain::{
    Account, AccountId, Application, Code, EmailAddress, FlowToken, Grant, Keyring, Password,
    Stamp, Ticket,
};
pub use engine::{
    ChangeOutcome, Client, Courier, FreezeOutcome, OpenOutcome, RedeemOutcome, Rejection, Request,
    SendOutcome, Session, SignInOutcome, Sspr, StartOutcome, StatusOutcome, SubmitOutcome,
    VerifyOutcome,
};
pub use error::{Error, ErrorKind};
pub use policy::TenantPolicy;
