//! Port: the host's tokens.

use core::time::Duration;

use async_trait::async_trait;
use thiserror::Error;

use crate::domain::{AccountId, ApplicationId, Stamp, TenantId};

/// Issues the tokens of the host's identity server.
///
/// # Security
/// A token must be bound to [`TokenRequest::stamp`]: refuse to issue or refresh once the account
/// carries another one, for that is how a reset signs every other device out. Microsoft's clients
/// do not verify the signature of an id token; other readers do, so sign it and publish the keys.
#[async_trait]
pub trait TokenIssuer: Send + Sync {
    /// Issues tokens for somebody who has just signed in.
    ///
    /// # Errors
    /// [`IssueError`]: the client is told to try again later.
    async fn issue(&self, request: TokenRequest<'_>) -> Result<Issued, IssueError>;

    /// Issues new tokens for a refresh token, which must be of that tenant and application.
    ///
    /// # Errors
    /// [`IssueError`].
    async fn refresh(
        &self,
        tenant: &TenantId,
        application: &ApplicationId,
        refresh_token: &str,
    ) -> Result<Issued, IssueError>;
}

/// Who has signed in, to what.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct TokenRequest<'a> {
    /// The tenant.
    pub tenant: &'a TenantId,
    /// The application, the tokens' audience.
    pub application: &'a ApplicationId,
    /// The account.
    pub account: &'a AccountId,
    /// The stamp that the tokens must carry.
    pub stamp: Stamp,
    /// What the client asked for, for instance `openid profile offline_access`.
    pub scope: &'a str,
}

/// What an issuer answers.
#[derive(Debug)]
// Exhaustive: each has an error of its own on the wire.
pub enum Issued {
    /// Tokens.
    Tokens(Tokens),
    /// The scope is not one that this application may ask for.
    InvalidScope,
    /// The account, its stamp or the refresh token is no longer good.
    Refused,
}

/// Tokens for one account. `Debug` shows none of them.
#[non_exhaustive]
pub struct Tokens {
    /// Whose they are.
    pub account: AccountId,
    /// For the application's back end.
    pub access_token: String,
    /// Who has signed in, as a JSON Web Token. MSAL's V1 demands one.
    pub id_token: String,
    /// For new tokens. MSAL's V1 demands one.
    pub refresh_token: String,
    /// How long the access token lives.
    pub lifetime: Duration,
    /// What was granted.
    pub scope: String,
}

/// The issuer could not answer; the cause is for the host's own logs.
#[derive(Debug, Error)]
#[error("the token issuer could not answer")]
#[non_exhaustive]
pub struct IssueError(#[from] Box<dyn std::error::Error + Send + Sync>);

impl IssueError {
    /// Wraps what went wrong.
    pub fn new(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self(cause.into())
    }
}

impl Tokens {
    /// Tokens that live as long as the access token says.
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
