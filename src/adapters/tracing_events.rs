//! Events as log records.

use crate::ports::{EngineEvent, EventSink, Outcome};

/// Writes each event as one `tracing` event. The level is `info`, `warn` for refusals and mails
/// that could not be sent, and `error` for failures.
///
/// The fields are the action, the outcome, the limit that was reached, the tenant, the reset and the
/// correlation id. An action of the help desk has its account and member of staff as well. Fields never
/// contain an address or a secret. Fields that reveal something about an account are for administrators only.
#[derive(Clone, Copy, Debug, Default)]
pub struct TracingEvents(());

impl TracingEvents {
    /// Creates a sink for the subscriber that is current when an event happens.
    #[must_use]
    pub const fn new() -> Self {
        Self(())
    }
}

impl EventSink for TracingEvents {
    fn emit(&self, event: &EngineEvent) {
        let tenant = event.tenant.as_ref().map(tracing::field::display);
        let account = event.account.as_ref().map(tracing::field::display);
        let actor = event.actor.as_ref().map(tracing::field::display);
        let reset = event.reset.as_ref().map(tracing::field::display);
        let correlation = event.correlation.as_ref().map(tracing::field::display);
        let (kind, outcome) = (event.kind, event.outcome);
        let failure = event.failure.as_ref().map(|failure| failure.kind.as_str());
        let limit = event.limit.map(|limit| limit.as_str());
        let said = event.failure.as_ref().map(|failure| failure.message.as_str());
        match outcome {
            Outcome::Error | Outcome::GivenUp => {
                tracing::error!(target: "sspr", ?kind, ?outcome, limit, failure, said, tenant, account, actor, reset, correlation);
            }
            Outcome::Ambiguous
            | Outcome::FailedForNow
            | Outcome::FailedPermanently
            | Outcome::Frozen
            | Outcome::LockedOut
            | Outcome::LongerCode
            | Outcome::Stopped
            | Outcome::Suspicious
            | Outcome::TryLater
            | Outcome::Withheld => {
                tracing::warn!(target: "sspr", ?kind, ?outcome, limit, failure, said, tenant, account, actor, reset, correlation);
            }
            Outcome::Decoy
            | Outcome::Exhausted
            | Outcome::Expired
            | Outcome::Interrupted
            | Outcome::MoreNeeded
            | Outcome::Ok
            | Outcome::Rejected
            | Outcome::Started
            | Outcome::Superseded
            | Outcome::Unavailable
            | Outcome::Unknown
            | Outcome::Weak => {
                tracing::info!(target: "sspr", ?kind, ?outcome, limit, failure, said, tenant, account, actor, reset, correlation);
            }
        }
    }
}
