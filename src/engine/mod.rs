//! The driver: takes requests, asks the machines, calls the ports.
//!
//! The request path ([`Sspr::open`], [`Sspr::send`]) never looks an account up; that is the
//! [`Courier`]'s work. What depends on an account shows only to a person who typed a right code.

mod builder;
mod courier;
mod deliver;
#[cfg(feature = "axum")]
mod envelope;
mod follow_up;
mod hands;
mod lockouts;
mod notify;
mod open;
mod operations;
mod outcome;
mod pace;
mod queue;
mod records;
mod redeem;
mod request;
mod rest;
mod send;
mod settlement;
mod sign_in;
#[cfg(feature = "axum")]
mod sign_in_start;
mod span;
mod sspr;
mod status;
mod submit;
mod submit_slots;
mod tenants;
mod throttle;
mod verify;

pub use crate::flow::{ResetReason, StageName};
pub use builder::Builder;
pub(crate) use builder::Ports;
pub use courier::{Courier, Drained};
pub use outcome::{
    ChangedPassword, Granted, OpenOutcome, Opened, RedeemOutcome, Rejection, ResetStatus,
    SecondFactorDemand, SendOutcome, SentCode, SignIn, SignInOutcome, SignedIn, StartOutcome,
    Started, StatusOutcome, SubmitOutcome, VerifyOutcome, VouchAdvice,
};
pub use request::{Client, Context, ContextError, Request, RequestKey, Vouch};
#[cfg(feature = "axum")]
pub(crate) use sign_in_start::{Named, Use};
pub use sspr::Sspr;
