//! Port: the host's sessions.

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderValue};
use thiserror::Error;

use super::ReturnTo;
use crate::{
    domain::{AccountId, Application, Stamp},
    engine::SecondFactorDemand,
};

/// Begins and ends the host's sessions, wherever they live.
///
/// # Security
/// A session must carry [`SignInContext::stamp`], and is valid only while that is the account's current
/// stamp: that is how a reset signs every other device out. Draw a new session id in `begin`,
/// never take over one that the browser brought (session fixation). Where
/// [`SignInContext::second_factor`] is `Required`, the session is worth nothing until the second factor
/// was given: a reset does not replace it.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Begins a session. Called once the person has proved who they are.
    ///
    /// # Errors
    /// [`SessionError`]: the person sees a page that says so, with a correlation id.
    async fn begin(&self, arrival: SignInContext<'_>) -> Result<NewSession, SessionError>;

    /// Ends the session of a request, if it has one. Answers the `Set-Cookie` lines to send.
    ///
    /// # Errors
    /// [`SessionError`].
    async fn end(&self, headers: &HeaderMap) -> Result<Vec<HeaderValue>, SessionError>;
}

/// Somebody who has signed in.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SignInContext<'a> {
    /// The application, with its tenant.
    pub application: &'a Application,
    /// The account.
    pub account: &'a AccountId,
    /// The stamp that the session must carry.
    pub stamp: Stamp,
    /// What must still be asked for before the session is worth anything.
    pub second_factor: SecondFactorDemand,
    /// Where the person wanted to go, as people see it; below the home of the pages.
    pub return_to: &'a ReturnTo,
}

/// A session that has begun.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSession {
    /// `Set-Cookie` lines, or none if the host keeps its sessions otherwise.
    pub cookies: Vec<HeaderValue>,
    /// Where the person goes, if not where they wanted to: for instance to a second factor.
    pub instead: Option<ReturnTo>,
}

/// A session could not be begun or ended; the cause is for the host's own logs.
#[derive(Debug, Error)]
#[error("the session store could not answer")]
#[non_exhaustive]
pub struct SessionError(#[from] Box<dyn std::error::Error + Send + Sync>);

impl SessionError {
    /// Wraps what went wrong.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl NewSession {
    /// A session of which the browser is told by one cookie.
    #[must_use]
    pub fn with_cookie(cookie: HeaderValue) -> Self {
        Self { cookies: vec![cookie], instead: None }
    }

    /// No session yet: the person goes there first, for instance to a second factor.
    #[must_use]
    pub const fn after(path: ReturnTo) -> Self {
        Self { cookies: Vec::new(), instead: Some(path) }
    }

    /// Sends the person somewhere else first.
    #[must_use]
    pub fn and_go_to(mut self, path: ReturnTo) -> Self {
        self.instead = Some(path);
        self
    }
}
