//! The service: requests, outcomes and the courier.
//!
//! [`Sspr::open`] and [`Sspr::send`] never look up an account, because the [`Courier`] does this
//! later. Only a user who has typed a right code sees what depends on the account.

mod account_notices;
mod apply;
mod audit;
mod audit_flood;
mod audit_writer;
mod builder;
mod call;
mod change;
mod compose;
mod courier;
mod deliver;
mod drained;
mod follow_up;
mod freeze;
mod freeze_records;
mod hands;
mod help_desk;
mod in_use;
mod lockouts;
mod must_change;
mod new_password;
mod next_proof;
mod notify;
mod notify_text;
#[cfg(feature = "axum")]
mod offer;
mod open;
mod operations;
mod outboxes;
mod outcome;
mod pace;
mod password_check;
mod queue;
mod reached_limit;
mod records;
mod redeem;
mod request;
mod rest;
mod send;
mod sends;
mod settlement;
mod settling;
mod sign_in;
#[cfg(feature = "axum")]
mod sign_in_start;
#[cfg(feature = "axum")]
mod signed_in_address;
mod span;
mod sspr;
mod status;
mod stopped_texts;
mod stored;
mod submit;
mod submit_slots;
mod tenants;
mod text_watch;
mod throttle;
mod turns;
mod verify;

pub use crate::flow::{ResetReason, StageName};
pub use builder::Builder;
pub(crate) use builder::Ports;
pub use change::Session;
pub use courier::Courier;
pub use drained::Drained;
pub use help_desk::{
    AccountLimit, AccountReport, AssistanceCode, Assisted, HelpDesk, ReachedLimit,
    TemporaryPassword,
};
#[cfg(feature = "axum")]
pub(crate) use offer::Offer;
pub use outcome::{
    AssistanceOutcome, ChangeOutcome, ChangedPassword, FreezeOutcome, Granted, KeptSession,
    NextProof, OpenOutcome, Opened, ProofWay, RedeemOutcome, Rejection, ResetStatus,
    SecondFactorDemand, SendOutcome, SentCode, SignIn, SignInOutcome, SignedIn, StartOutcome,
    Started, StatusOutcome, SubmitOutcome, VerifyOutcome, VouchAdvice,
};
pub use request::{Client, Context, ContextError, Request, RequestKey, Vouch};
#[cfg(feature = "axum")]
pub(crate) use sign_in_start::{Named, Use};
#[cfg(feature = "axum")]
pub(crate) use signed_in_address::SignedInAddress;
pub use sspr::Sspr;
pub use stopped_texts::StoppedBlock;
