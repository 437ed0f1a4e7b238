//! The port to the host's sessions.

use core::fmt;

use async_trait::async_trait;
use axum::http::{HeaderValue, request::Parts};
use thiserror::Error;

use super::ReturnTo;
use crate::{
    domain::{AccountId, Application, Stamp},
    engine::SecondFactorDemand,
};

/// Begins, checks and ends the host's sessions, wherever the host keeps them.
///
/// Each method gets the request, whose extensions hold what the session middleware of the host has
/// put there.
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
    /// Begins a session. The pages call this method after the user has proved their identity. They
    /// also call it after a signed-in user has changed the password, because the stamp of the old
    /// session is no longer valid.
    ///
    /// # Errors
    /// [`SessionError`] if no session could be begun. The user sees an error page with a
    /// correlation id.
    async fn begin(&self, context: SignInContext<'_>) -> Result<NewSession, SessionError>;

    /// Returns who is signed in, or `None` if nobody is. The page *Change your password* asks this
    /// when it is shown and again when its form is sent.
    ///
    /// The default returns `None`. Then the pages offer no change, and `/change` leads to the
    /// sign-in.
    ///
    /// # Errors
    /// [`SessionError`] if the session could not be read. The user sees an error page with a
    /// correlation id.
    ///
    /// # Security
    /// Check the session as your own pages do, including its stamp: return `None` for a session
    /// that has expired or that does not carry the account's current stamp. Also return `None`
    /// while the session waits for a second factor. A change needs this session and the current
    /// password, so a session that is wrongly returned leaves only the password.
    async fn current(&self, request: &Parts) -> Result<Option<CurrentSession>, SessionError> {
        let _ = request;
        Ok(None)
    }

    /// Ends the session of a request, if there is one. Returns the `Set-Cookie` lines to send.
    ///
    /// # Errors
    /// [`SessionError`] if the session could not be ended.
    async fn end(&self, request: &Parts) -> Result<Vec<HeaderValue>, SessionError>;
}

/// The user who has signed in, and the circumstances of the sign-in.
#[derive(Clone, Copy)]
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
    /// The path that the user wanted, as users see it. It lies below the home of the pages, or is
    /// the page for a change of the password.
    pub return_to: &'a ReturnTo,
    /// The request that signs the user in, without its body.
    pub request: &'a Parts,
}

/// A session that the host has found and checked.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct CurrentSession {
    /// The account that is signed in.
    pub account: AccountId,
    /// The stamp that the session carries.
    pub stamp: Stamp,
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

/// The error for a session that could not be begun, read or ended. The cause is for the host's own
/// logs.
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

impl CurrentSession {
    /// Describes a session that the host has checked.
    #[must_use]
    pub const fn new(account: AccountId, stamp: Stamp) -> Self {
        Self { account, stamp }
    }
}

impl NewSession {
    /// Creates a session for which the pages send no cookie, because the host's own session
    /// middleware sends it.
    #[must_use]
    pub const fn none() -> Self {
        Self { cookies: Vec::new(), instead: None }
    }

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

impl fmt::Debug for SignInContext<'_> {
    /// Leaves out the request, because its headers hold cookies.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignInContext")
            .field("application", self.application)
            .field("account", self.account)
            .field("stamp", &self.stamp)
            .field("second_factor", &self.second_factor)
            .field("return_to", self.return_to)
            .finish_non_exhaustive()
    }
}
