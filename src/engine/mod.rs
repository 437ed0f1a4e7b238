//! The service: requests, outcomes and the courier.
//!
//! [`Sspr::open`] and [`Sspr::send`] never look up an account, because the [`Courier`] does this
//! later. Only a user who has typed a right code sees what depends on the account.

mod builder;
mod courier;
mod deliver;
mod follow_up;
mod hands;
mod lockouts;
mod new_password;
mod notify;
#[cfg(feature = "axum")]
mod offer;
mod open;
mod operations;
mod outboxes;
mod outcome;
mod pace;
mod queue;
mod records;
mod redeem;
mod request;
mod rest;
mod send;
mod settlement;
mod settling;
mod sign_in;
#[cfg(feature = "axum")]
mod sign_in_start;
mod span;
mod sspr;
mod status;
mod stored;
mod submit;
mod submit_slots;
mod tenants;
mod throttle;
mod turns;
mod verify;

pub use crate::flow::{ResetReason, StageName};
pub use builder::Builder;
pub(crate) use builder::Ports;
pub use courier::{Courier, Drained};
#[cfg(feature = "axum")]
pub(crate) use offer::Offer;
pub use outcome::{
    ChangedPassword, Granted, OpenOutcome, Opened, RedeemOutcome, Rejection, ResetStatus,
    SecondFactorDemand, SendOutcome, SentCode, SignIn, SignInOutcome, SignedIn, StartOutcome,
    Started, StatusOutcome, SubmitOutcome, VerifyOutcome, VouchAdvice,
};
pub use request::{Client, Context, ContextError, Request, RequestKey, Vouch};
#[cfg(feature = "axum")]
pub(crate) use sign_in_start::{Named, Use};
pub use sspr::Sspr;
