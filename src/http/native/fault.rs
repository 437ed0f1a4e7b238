//! Contract errors, in the forms of both versions.

use axum::http::StatusCode;
use serde_json::{Value, json};

use crate::{domain::Timestamp, http::form::FormError, policy::PasswordIssue};

use super::ids::Ids;

const WEB_REDIRECT: &str = "web_redirect_required";

/// One contract error. On V1 it is an OAuth error body, and on V2 it is a nested error.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    /// V1's `error`.
    pub(super) error: &'static str,
    pub(super) suberror: Option<&'static str>,
    /// V1's only entry of `error_codes`.
    pub(super) number: u32,
    /// V2's `error.code` and `error.innerError.code`.
    pub(super) code: &'static str,
    pub(super) inner: Option<&'static str>,
    pub(super) text: String,
    /// The whole seconds after which a retry is useful.
    pub(super) retry_after: Option<u64>,
}

impl Fault {
    fn new(error: &'static str, number: u32, code: &'static str, text: &str) -> Self {
        Self {
            code,
            error,
            inner: None,
            number,
            retry_after: None,
            status: StatusCode::BAD_REQUEST,
            suberror: None,
            text: text.to_owned(),
        }
    }

    fn with(self, suberror: &'static str, inner: &'static str) -> Self {
        Self { inner: Some(inner), suberror: Some(suberror), ..self }
    }

    pub(super) fn parameter(name: &str) -> Self {
        let text = format!("The {name} parameter is empty or not valid.");
        Self::new("invalid_request", 90100, "invalidRequest", &text)
    }

    pub(super) fn body(error: FormError) -> Self {
        match error {
            FormError::Missing(name) => Self::parameter(name),
            _ => {
                let mut text = error.to_string();
                text.push('.');
                Self::new("invalid_request", 90100, "invalidRequest", &text)
            }
        }
    }

    pub(super) fn unsupported_challenge() -> Self {
        let text = "The challenge_type list parameter contains an unsupported challenge type.";
        Self::new("unsupported_challenge_type", 901_001, "invalidRequest", text)
    }

    pub(super) fn no_redirect() -> Self {
        let text = "The challenge_type list parameter does not include the 'redirect' type.";
        Self::new("unsupported_challenge_type", 901_007, "invalidRequest", text)
    }

    pub(super) fn unknown_client() -> Self {
        let text = "The client_id parameter is not an application of this tenant, or this \
                    origin is none of its origins.";
        Self::new("unauthorized_client", 700_016, "unauthorizedClient", text)
    }

    pub(super) fn user_not_found() -> Self {
        let text = "The user account does not exist.";
        let fault = Self::new("user_not_found", 50034, "invalidRequest", text);
        Self { inner: Some("userNotFound"), ..fault }
    }

    pub(super) fn reset_not_offered() -> Self {
        let text = "Self-service password reset is not enabled: the user flow must offer Email \
                    with password, and Email OTP must be enabled.";
        Self::new("invalid_request", 500_222, "invalidRequest", text)
    }

    pub(super) fn bad_token() -> Self {
        let text = "The continuation_token parameter is not valid.";
        Self::new("invalid_request", 55200, "invalidContinuationToken", text)
    }

    pub(super) fn expired_token() -> Self {
        let text = "The continuation_token is expired.";
        Self::new("expired_token", 552_003, "invalidContinuationToken", text)
    }

    pub(super) fn wrong_code(text: &str) -> Self {
        Self::new("invalid_grant", 50181, "invalidGrant", text)
            .with("invalid_oob_value", "invalidOneTimeCode")
    }

    pub(super) fn wrong_password() -> Self {
        let text = "Error validating credentials due to invalid username or password.";
        let fault = Self::new("invalid_grant", 50126, "invalidGrant", text);
        Self { inner: Some("invalidUserNameOrPassword"), ..fault }
    }

    /// Returns the lockout error. It reveals nothing about an account, because known and unknown
    /// addresses lock alike.
    pub(super) fn locked() -> Self {
        let text = "Sign-in is paused because there were too many wrong passwords. A password \
                    reset opens it at once.";
        let fault = Self::new("invalid_grant", 50053, "invalidGrant", text);
        Self { inner: Some("userLockedOut"), ..fault }
    }

    pub(super) fn sign_in_again() -> Self {
        let text = "Sign in with the new password.";
        Self::new("invalid_grant", 50132, "invalidGrant", text)
    }

    /// Returns V1's error for a right password that must be changed. Clients know it by its number.
    pub(super) fn must_change() -> Self {
        let text = "The password must be changed before the next sign-in; reset it.";
        Self::new("invalid_request", 50142, "invalidRequest", text)
    }

    /// Returns V2's redirect to a browser for a second factor.
    pub(super) fn second_factor_in_browser() -> Self {
        Self::in_browser(50076, "A second factor is required; it is given in a browser.")
    }

    /// Returns V2's redirect to a browser for a right password that must be changed.
    pub(super) fn change_in_browser() -> Self {
        Self::in_browser(50142, "The password must be changed; this is done in a browser.")
    }

    /// Returns V2's redirect to a browser for a reset with two proofs.
    pub(super) fn two_proofs_in_browser() -> Self {
        Self::in_browser(50076, "The tenant requires two proofs; they are given in a browser.")
    }

    fn in_browser(number: u32, text: &str) -> Self {
        let fault = Self::new("invalid_grant", number, "invalidGrant", text);
        Self { suberror: Some(WEB_REDIRECT), ..fault }
    }

    pub(super) fn refused_token() -> Self {
        let text = "The grant is expired, was revoked, or is not for this application.";
        Self::new("invalid_grant", 70000, "invalidGrant", text)
    }

    pub(super) fn invalid_scope() -> Self {
        Self::new("invalid_scope", 70011, "invalidScope", "The scope parameter is not valid.")
    }

    pub(super) fn unsupported_grant() -> Self {
        let text = "The grant_type parameter is not supported here.";
        Self::new("unsupported_grant_type", 70003, "unsupportedGrantType", text)
    }

    /// Returns the error for the most important rule that a password breaks.
    pub(super) fn password(issues: &[PasswordIssue]) -> Self {
        let suberrors = issues.iter().map(|issue| match issue {
            PasswordIssue::Characters => (0, "password_is_invalid", "passwordIsInvalid"),
            PasswordIssue::Short { .. } => (1, "password_too_short", "passwordTooShort"),
            PasswordIssue::Long { .. } => (2, "password_too_long", "passwordTooLong"),
            PasswordIssue::Kinds => (3, "password_too_weak", "passwordTooWeak"),
            PasswordIssue::Breached | PasswordIssue::Common | PasswordIssue::Personal => {
                (4, "password_banned", "passwordBanned")
            }
            PasswordIssue::SameAsCurrent => (5, "password_recently_used", "passwordRecentlyUsed"),
        });
        let (rank, suberror, inner) =
            suberrors.min().unwrap_or((3, "password_too_weak", "passwordTooWeak"));
        let text = "New password does not meet the requirements of this tenant.";
        let fault = Self::new("invalid_grant", 553_001 + rank, "invalidRequest", text);
        fault.with(suberror, inner)
    }

    /// Returns the error for a limit, which the contract does not know. Only this error and
    /// internal errors are not a 400.
    pub(super) fn try_later(retry_at: Timestamp, now: Timestamp) -> Self {
        let text = "Too many requests; try again later.";
        // Round up, so that a client that waits as long as told is served.
        let wait = retry_at.since(now);
        let seconds = (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1);
        let fault = Self::new("temporarily_unavailable", 90055, "tooManyRequests", text);
        Self { retry_after: Some(seconds), status: StatusCode::TOO_MANY_REQUESTS, ..fault }
    }

    pub(super) fn down() -> Self {
        let text = "The service cannot answer right now; try again in a minute.";
        let fault = Self::new("temporarily_unavailable", 90033, "serviceUnavailable", text);
        Self { retry_after: Some(30), status: StatusCode::SERVICE_UNAVAILABLE, ..fault }
    }

    pub(super) fn not_found() -> Self {
        let fault =
            Self::new("invalid_request", 90100, "invalidRequest", "There is no such endpoint.");
        Self { status: StatusCode::NOT_FOUND, ..fault }
    }

    pub(super) fn method() -> Self {
        let text = "The method is not allowed at this endpoint.";
        let fault = Self::new("invalid_request", 90100, "invalidRequest", text);
        Self { status: StatusCode::METHOD_NOT_ALLOWED, ..fault }
    }

    /// Returns V1's error body.
    pub(super) fn oauth(&self, ids: &Ids) -> Value {
        let (trace, correlation, at) = (&ids.trace, &ids.correlation, ids.timestamp());
        let number = self.number;
        let description = format!(
            "AADSTS{number}: {}\r\nTrace ID: {trace}\r\nCorrelation ID: {correlation}\r\nTimestamp: {at}",
            self.text
        );
        let mut body = json!({
            "error": self.error,
            "error_description": description,
            "error_codes": [number],
            "timestamp": at,
            "trace_id": trace,
            "correlation_id": correlation,
        });
        if let (Some(suberror), Some(fields)) = (self.suberror, body.as_object_mut()) {
            fields.insert("suberror".to_owned(), json!(suberror));
        }
        body
    }

    /// Returns V2's error body. The redirect to a browser has V1's form here too, because
    /// Microsoft's clients look only for its `suberror`.
    pub(super) fn hal(&self, ids: &Ids) -> Value {
        if self.suberror == Some(WEB_REDIRECT) {
            return self.oauth(ids);
        }
        let mut error = json!({
            "code": self.code,
            "message": self.text,
            "timestamp": ids.timestamp(),
            "traceId": ids.trace,
            "correlationId": ids.correlation,
        });
        if let (Some(inner), Some(fields)) = (self.inner, error.as_object_mut()) {
            fields.insert("innerError".to_owned(), json!({ "code": inner }));
        }
        json!({ "error": error })
    }
}
