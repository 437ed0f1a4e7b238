//! The port to the host's sessions.

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue};
use thiserror::Error;

use super::ReturnTo;
use crate::{
    domain::{AccountId, Application, Stamp},
    engine::SecondFactorDemand,
};

/// Begins and ends the host's sessions, wherever the host keeps them.
///
/// # Security
/// A session must carry [`SignInContext::stamp`]. It is valid only while that value is the
/// account's current stamp, because that is how a reset signs out every other device.
///
/// Generate a new session id in `begin`. Never take over an id that the browser sent (session
/// fixation).
///
/// If [`SignInContext::second_factor`] is `Required`, the session must be worthless until the user
/// has given the second factor. A reset does not replace the second factor.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Begins a session. The pages call this method after the user has proved their identity.
    ///
    /// # Errors
    /// [`SessionError`] if no session could be begun. The user sees an error page with a
    /// correlation id.
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError>;

    /// Ends the session of a request, if there is one. Returns the `Set-Cookie` lines to send.
    ///
    /// # Errors
    /// [`SessionError`] if the session could not be ended.
    async fn end(&self, headers: &HeaderMap) -> Result<Vec<HeaderValue>, SessionError>;
}

/// The user who has signed in, and the circumstances of the sign-in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignInContext<'a> {
    /// The application, which includes the tenant.
    pub application: &'a Application,
    /// The account that has signed in.
    pub account: &'a AccountId,
    /// The stamp that the session must carry.
    pub stamp: Stamp,
    /// Whether the host must still ask for a second factor before the session is worth anything.
    pub second_factor: SecondFactorDemand,
    /// The path that the user wanted, as users see it. It lies below the home of the pages.
    pub return_to: &'a ReturnTo,
}

/// A new session.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// The `Set-Cookie` lines to send. Empty if the host keeps its sessions otherwise.
    pub cookies: Vec<HeaderValue>,
    /// The path to which the user goes instead of the wanted one, for instance to a second factor.
    pub instead: Option<ReturnTo>,
}

/// The error for a session that could not be begun or ended. The cause is for the host's own logs.
#[derive(Error)]
#[error("the session store could not answer")]
#[non_exhaustive]
pub struct SessionError(#[from] Box<dyn std::error::Error + Send + Sync>);

debug_is_text!(SessionError);

impl SessionError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl NewSession {
    /// Creates a session that the browser keeps in one cookie.
    #[must_use]
    pub fn with_cookie(cookie: HeaderValue) -> Self {
        Self { cookies: vec![cookie], instead: None }
    }

    /// Creates no session yet: the user goes to this path first, for instance to a second factor.
    #[must_use]
    pub const fn after(path: ReturnTo) -> Self {
        Self { cookies: Vec::new(), instead: Some(path) }
    }

    /// Sends the user to this path first.
    #[must_use]
    pub fn and_go_to(mut self, path: ReturnTo) -> Self {
        self.instead = Some(path);
        self
    }
}
