//! The port to the host's tokens.

use core::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{AccountId, ApplicationId, Stamp, TenantId};

/// Issues the tokens of the host's identity server.
///
/// # Security
/// A token must be bound to [`TokenRequest::stamp`]. Refuse to issue or refresh a token if the
/// account carries another stamp, because that is how a reset signs out every other device.
///
/// Microsoft's clients do not verify the signature of an id token. Other readers do, so sign the
/// token and publish the keys.
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// Issues tokens for a user who has just signed in.
    ///
    /// # Errors
    /// [`IssueError`] if the issuer could not answer. The client is told to retry later.
    async fn issue(&self, request: TokenRequest<'_>) -> Result<Issued, IssueError>;

    /// Issues new tokens for a refresh token, which must belong to this tenant and application.
    ///
    /// # Errors
    /// [`IssueError`] if the issuer could not answer.
    async fn refresh(
        &self,
        tenant: &TenantId,
        application: &ApplicationId,
        refresh_token: &str,
    ) -> Result<Issued, IssueError>;
}

/// The user who has signed in, and the application that asks for tokens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    /// The tenant of the application.
    pub tenant: &'a TenantId,
    /// The application, which is the audience of the tokens.
    pub application: &'a ApplicationId,
    /// The account that has signed in.
    pub account: &'a AccountId,
    /// The stamp that the tokens must carry.
    pub stamp: Stamp,
    /// The scope that the client asked for, for instance `openid profile offline_access`.
    pub scope: &'a str,
}

/// The answer of an issuer.
#[derive(Debug)]
// Exhaustive: each has an error of its own on the wire.
pub enum Issued {
    /// The issued tokens.
    Tokens(Tokens),
    /// The application may not ask for this scope.
    InvalidScope,
    /// The account, its stamp or the refresh token is no longer valid.
    Refused,
}

/// The tokens of one account. `Debug` does not show them.
#[non_exhaustive]
pub struct Tokens {
    /// The account that the tokens are for.
    pub account: AccountId,
    /// The token for the application's back end.
    pub access_token: String,
    /// The token that identifies the user, as a JSON Web Token. MSAL's V1 requires one.
    pub id_token: String,
    /// The token that is exchanged for new tokens. MSAL's V1 requires one.
    pub refresh_token: String,
    /// How long the access token stays valid.
    pub lifetime: Duration,
    /// The scope that was granted.
    pub scope: String,
}

/// The error of an issuer that could not answer. The cause is for the host's own logs.
#[derive(Error)]
#[error("the token issuer could not answer")]
#[non_exhaustive]
pub struct IssueError(#[from] Box<dyn std::error::Error + Send + Sync>);

debug_is_text!(IssueError);

impl IssueError {
    /// Wraps the cause.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl Tokens {
    /// Creates tokens with the lifetime of the access token.
    #[must_use]
    pub fn new(
        account: AccountId,
        [access_token, id_token, refresh_token]: [String; 3],
        lifetime: Duration,
        scope: impl Into<String>,
    ) -> Self {
        Self { access_token, account, id_token, lifetime, refresh_token, scope: scope.into() }
    }
}

impl core::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Tokens").field("account", &self.account).finish_non_exhaustive()
    }
}
