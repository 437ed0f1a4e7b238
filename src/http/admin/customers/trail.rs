//! The audit records about a customer, in plain English.

use super::{view::ShownRecord, visit::Visit};
use crate::{
    domain::AccountId,
    http::{
        admin::{answers::down, view::shown_time},
        stop::Stop,
    },
    ports::{AuditRecord, EventKind, Outcome},
};

/// How many records are shown.
const MOST_SHOWN: usize = 30;

impl Visit {
    /// Returns the newest records about an account, if this member of staff may see them and the
    /// service can look them up.
    pub(super) async fn trail(
        &self,
        account: &AccountId,
    ) -> Result<Option<Vec<ShownRecord>>, Stop> {
        if !self.sees_trail {
            return Ok(None);
        }
        let desk = self.site.sspr.help_desk(self.actor.clone());
        let records = desk.audit_trail(self.tenant(), account, MOST_SHOWN).await;
        let records = records.map_err(|_| down())?;
        Ok(records.map(|records| records.iter().map(ShownRecord::of).collect()))
    }
}

impl ShownRecord {
    fn of(record: &AuditRecord) -> Self {
        let AuditRecord { actor, network, reason, .. } = record;
        let details = [
            actor.as_ref().map(|actor| format!("by {actor}")),
            reason.as_ref().map(|reason| format!("because: {reason}")),
            network.map(|network| format!("from {network}")),
        ];
        Self {
            at: shown_time(record.at),
            details: details.into_iter().flatten().collect(),
            words: format!("{}: {}", what(record.activity), how(record.activity, record.outcome)),
        }
    }
}

const fn what(activity: EventKind) -> &'static str {
    use EventKind as K;
    match activity {
        K::Assistance => "Code from staff entered",
        K::AssistanceCode => "Code for the customer",
        K::Change => "Change of password",
        K::Deliver => "Mail with a code",
        K::Freeze => "Freeze of the account",
        K::Notify => "Notice to the customer",
        K::Open => "Forgot password",
        K::Redeem => "Sign-in after a reset",
        K::RequireChange => "New password required",
        K::ResumeTexts => "End of a stop of texts",
        K::Send => "Code requested",
        K::SignIn => "Sign-in",
        K::Submit => "New password",
        K::TemporaryPassword => "Temporary password",
        K::Unfreeze => "End of the freeze",
        K::Unlock => "End of the pause",
        K::Verify => "Code entered",
        K::Audit
        | K::BreachCheck
        | K::HasherFallback
        | K::Status
        | K::TenantTries
        | K::TextWatch
        | K::Unknown
        | K::UnsupportedHash => "Other",
    }
}

const fn how(activity: EventKind, outcome: Outcome) -> &'static str {
    use EventKind as K;
    match (activity, outcome) {
        (K::Deliver | K::Notify, Outcome::Ok) => "handed to the mail server",
        (K::Change | K::SignIn, Outcome::Rejected) => "wrong password",
        (K::Assistance | K::Freeze | K::Verify, Outcome::Rejected) => "wrong code",
        (K::SignIn, Outcome::MoreNeeded) => "a new password was asked for",
        (_, Outcome::Ambiguous) => "several accounts have the address",
        (_, Outcome::Decoy) => "no account that may reset has the address",
        (_, Outcome::Error) => "a part of the service failed",
        (_, Outcome::Exhausted) => "no tries left",
        (_, Outcome::Expired) => "expired",
        (_, Outcome::FailedForNow) => "failed, is sent again",
        (_, Outcome::FailedPermanently) => "refused for good",
        (_, Outcome::Frozen) => "right password, but the account is frozen",
        (_, Outcome::GivenUp) => "given up",
        (_, Outcome::Interrupted) => "interrupted, may have been done",
        (_, Outcome::LockedOut) => "paused after wrong passwords",
        (_, Outcome::LongerCode) => "a longer code was sent",
        (_, Outcome::MoreNeeded) => "more was asked for",
        (_, Outcome::Ok) => "done",
        (_, Outcome::Rejected) => "refused",
        (_, Outcome::Started) => "begun",
        (_, Outcome::Stopped) => "text messages were stopped",
        (_, Outcome::Suspicious) => "few codes were typed",
        (_, Outcome::Superseded) => "a newer code replaced it",
        (_, Outcome::TryLater) => "a limit was reached",
        (_, Outcome::Unavailable) => "not possible",
        (_, Outcome::Unknown) => "ended in a way that this version does not know",
        (_, Outcome::Weak) => "the password breaks a rule",
        (_, Outcome::Withheld) => "the code was right, but not accepted",
    }
}
