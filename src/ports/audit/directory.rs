//! A record in the JSON of Entra's directory audits.

use serde::Serialize;

use super::AuditRecord;
use crate::{
    domain::guid,
    ports::{EventKind, Outcome},
};

/// The service under which Entra logs resets.
const SERVICE: &str = "Self-service Password Management";
/// The category of changes of users.
const CATEGORY: &str = "UserManagement";

/// A `directoryAudit` of Microsoft Graph.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct DirectoryAudit {
    id: String,
    activity_date_time: String,
    activity_display_name: &'static str,
    additional_details: Vec<KeyValue>,
    category: &'static str,
    correlation_id: String,
    initiated_by: InitiatedBy,
    logged_by_service: &'static str,
    operation_type: &'static str,
    result: &'static str,
    result_reason: &'static str,
    target_resources: Vec<Target>,
}

#[derive(Serialize)]
struct KeyValue {
    key: &'static str,
    value: String,
}

/// Exactly one of the two is there.
#[derive(Serialize)]
struct InitiatedBy {
    app: Option<App>,
    user: Option<User>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct App {
    app_id: Option<String>,
    display_name: &'static str,
    service_principal_id: Option<String>,
    service_principal_name: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Option<String>,
    display_name: Option<String>,
    user_principal_name: Option<String>,
    ip_address: Option<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Target {
    id: Option<String>,
    display_name: Option<String>,
    #[serde(rename = "type")]
    kind: &'static str,
    user_principal_name: Option<String>,
    group_type: Option<String>,
    modified_properties: Vec<KeyValue>,
}

impl AuditRecord {
    /// Returns one line of JSON in the shape of a `directoryAudit` of Microsoft Graph. A rule that
    /// was made for the audit log of Entra finds its fields in it.
    ///
    /// - `correlationId` is the id of the reset, as Entra has one for each journey. Without a reset it
    ///   is the correlation id of the request, or the id of the record.
    /// - `initiatedBy.user.id` is the member of staff, or the account that acted for itself. It is
    ///   `null` for a stranger. What the courier did has `initiatedBy.app`.
    /// - `additionalDetails` has what Entra has no field for. Its keys are `TenantId`,
    ///   `ApplicationId`, `UserFlowId`, `Method`, `Activity`, `Outcome`, `AddressHash`, `Reason`,
    ///   `RequestId`, `LeftOut` and `User-Agent`.
    /// - A request that a limit has refused is `Blocked from self-service password reset` with the
    ///   result `success`, as in Entra.
    ///
    /// Entra does not have every activity. These names are ours, in its style:
    ///
    /// - `Freeze user account (self-service)`
    /// - `Notify user`
    /// - `Require password change (by admin)`
    /// - `Reset password flow activity of another version`, for what a newer version has recorded
    /// - `Sign in with password`
    /// - `Resume text messages (by admin)`
    /// - `Unfreeze user account (by admin)`
    /// - `Unlock user account (by admin)`
    #[must_use]
    pub fn to_directory_audit(&self) -> String {
        let (result, result_reason) = self.result();
        let audit = DirectoryAudit {
            activity_date_time: json_text(&self.at),
            activity_display_name: self.display_name(),
            additional_details: self.details(),
            category: CATEGORY,
            correlation_id: self.correlation_id(),
            id: guid(u128::from_be_bytes(self.id.to_bytes())),
            initiated_by: self.initiated_by(),
            logged_by_service: SERVICE,
            operation_type: if self.changes_something() { "Update" } else { "Read" },
            result,
            result_reason,
            target_resources: vec![Target {
                display_name: None,
                group_type: None,
                id: self.account.as_ref().map(ToString::to_string),
                kind: "User",
                modified_properties: Vec::new(),
                user_principal_name: self.address.clone(),
            }],
        };
        // Every key is a text, so that there is nothing that JSON could not hold.
        serde_json::to_string(&audit).unwrap_or_default()
    }

    const fn display_name(&self) -> &'static str {
        use EventKind as K;
        if matches!(self.outcome, Outcome::TryLater) && self.is_a_step_of_a_reset() {
            return "Blocked from self-service password reset";
        }
        match self.activity {
            K::AssistanceCode => "Admin registered security info",
            K::Assistance | K::Deliver | K::Open | K::Redeem | K::Send | K::Status | K::Verify => {
                "Self-service password reset flow activity progress"
            }
            K::Change => "Change password (self-service)",
            K::Freeze => "Freeze user account (self-service)",
            K::Submit => "Reset password (self-service)",
            K::Notify => "Notify user",
            K::RequireChange => "Require password change (by admin)",
            K::ResumeTexts => "Resume text messages (by admin)",
            K::SignIn | K::UnsupportedHash => "Sign in with password",
            K::TemporaryPassword => "Reset password (by admin)",
            K::Unfreeze => "Unfreeze user account (by admin)",
            K::Unlock => "Unlock user account (by admin)",
            K::Audit
            | K::BreachCheck
            | K::HasherFallback
            | K::TenantTries
            | K::TextWatch
            | K::Unknown => "Reset password flow activity of another version",
        }
    }

    /// Returns `result` and `resultReason`. Where Entra has words for it, they are Entra's.
    const fn result(&self) -> (&'static str, &'static str) {
        use EventKind as K;
        match (self.activity, self.outcome) {
            (_, Outcome::Interrupted) => ("timeout", "The call ended before its answer"),
            (_, Outcome::Started) => ("success", "Started"),
            (_, Outcome::TryLater) if self.is_a_step_of_a_reset() => {
                ("success", "User exceeded the limit of requests")
            }
            (K::Open, Outcome::Ok) => ("success", "User submitted their user ID"),
            (K::Open, _) => ("failure", "Password reset is not enabled for this user"),
            (K::Send, Outcome::Ok) => ("success", "User started the email verification"),
            (K::Verify | K::Assistance, Outcome::Ok) => {
                ("success", "User completed all verification steps required")
            }
            (K::Submit, Outcome::Ok) => ("success", "User successfully reset password"),
            (K::Submit | K::Change, Outcome::Weak) => {
                ("failure", "PasswordDoesnotComplyFuzzyPolicy")
            }
            (K::TemporaryPassword, Outcome::Ok) => ("success", "Successfully completed reset."),
            (_, Outcome::Ok) => ("success", "None"),
            (_, Outcome::MoreNeeded) => ("success", "The user must do something else"),
            (_, Outcome::LongerCode) => ("failure", "A longer code was sent"),
            (_, Outcome::Frozen) => ("failure", "The account is frozen"),
            (_, Outcome::LockedOut) => ("failure", "The account is locked out"),
            (_, Outcome::Rejected | Outcome::Withheld) => ("failure", "Wrong code or password"),
            (_, Outcome::Expired | Outcome::Superseded) => ("failure", "Expired"),
            (_, Outcome::Exhausted) => ("failure", "No tries left"),
            (_, Outcome::Decoy) => ("failure", "No account"),
            (_, Outcome::Ambiguous) => ("failure", "Several accounts"),
            (_, Outcome::TryLater) => ("failure", "A limit was reached"),
            (_, Outcome::Unavailable) => ("failure", "Not available for this user"),
            (_, Outcome::Weak) => ("failure", "The password breaks a rule"),
            (
                _,
                Outcome::Error
                | Outcome::FailedForNow
                | Outcome::FailedPermanently
                | Outcome::GivenUp
                | Outcome::Stopped
                | Outcome::Suspicious
                | Outcome::Unknown,
            ) => ("failure", "An error occurred"),
        }
    }

    const fn is_a_step_of_a_reset(&self) -> bool {
        use EventKind as K;
        matches!(self.activity, K::Assistance | K::Open | K::Send | K::Submit | K::Verify)
    }

    const fn changes_something(&self) -> bool {
        use EventKind as K;
        matches!(
            self.activity,
            K::AssistanceCode
                | K::Change
                | K::Freeze
                | K::RequireChange
                | K::ResumeTexts
                | K::Submit
                | K::TemporaryPassword
                | K::Unfreeze
                | K::Unlock
        )
    }

    const fn is_of_the_courier(&self) -> bool {
        matches!(self.activity, EventKind::Deliver | EventKind::Notify)
    }

    fn correlation_id(&self) -> String {
        if let Some(reset) = &self.reset {
            return guid(u128::from_be_bytes(reset.unique()));
        }
        match &self.correlation {
            Some(correlation) => correlation.to_string(),
            None => guid(u128::from_be_bytes(self.id.to_bytes())),
        }
    }

    fn initiated_by(&self) -> InitiatedBy {
        if self.is_of_the_courier() {
            let app = App {
                app_id: None,
                display_name: "sspr",
                service_principal_id: None,
                service_principal_name: None,
            };
            return InitiatedBy { app: Some(app), user: None };
        }
        let account = || self.account.as_ref().map(ToString::to_string);
        let actor = self.actor.as_ref().map(ToString::to_string);
        let user_principal_name = self.address.clone().filter(|_| actor.is_none());
        let user = User {
            display_name: None,
            id: actor.or_else(account),
            ip_address: self.network.map(|address| address.to_string()),
            user_principal_name,
        };
        InitiatedBy { app: None, user: Some(user) }
    }

    fn details(&self) -> Vec<KeyValue> {
        use EventKind as K;
        let method = match self.activity {
            K::Deliver | K::Open | K::Send | K::Verify => Some("Email"),
            K::Assistance | K::AssistanceCode => Some("AssistanceCode"),
            K::Change | K::SignIn | K::TemporaryPassword => Some("Password"),
            _ => None,
        };
        let text = |text: &dyn core::fmt::Display| text.to_string();
        let all = [
            ("TenantId", self.tenant.as_ref().map(|it| text(it))),
            ("ApplicationId", self.application.as_ref().map(|it| text(it))),
            ("UserFlowId", self.user_flow.as_ref().map(|it| text(it))),
            ("Method", method.map(ToOwned::to_owned)),
            ("Activity", Some(json_text(&self.activity))),
            ("Outcome", Some(json_text(&self.outcome))),
            ("AddressHash", self.subject.as_ref().map(|it| text(it))),
            ("Reason", self.reason.as_ref().map(|it| text(it))),
            ("RequestId", self.correlation.as_ref().map(|it| text(it))),
            ("LeftOut", self.left_out.as_ref().map(|it| text(it))),
            ("User-Agent", self.user_agent.as_ref().map(|it| text(it))),
        ];
        let pair = |(key, value)| Option::map(value, |value| KeyValue { key, value });
        all.into_iter().filter_map(pair).collect()
    }
}

/// Returns the text that a value is in JSON.
fn json_text(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        Ok(_) | Err(_) => String::new(),
    }
}
