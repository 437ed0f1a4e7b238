//! Tokens that say only who has signed in. A real host signs them; `examples/hosted` does.

use std::time::Duration;

use sspr::{
    domain::{ApplicationId, TenantId},
    http::{IssueError, Issued, TokenIssuer, TokenRequest, Tokens},
};

pub struct Issuer;

#[async_trait::async_trait]
impl TokenIssuer for Issuer {
    async fn issue(&self, request: TokenRequest<'_>) -> Result<Issued, IssueError> {
        let tokens = ["access", "id", "refresh"].map(|kind| format!("{kind} {}", request.account));
        let lifetime = Duration::from_secs(600);
        Ok(Issued::Tokens(Tokens::new(request.account.clone(), tokens, lifetime, request.scope)))
    }

    async fn refresh(
        &self,
        _tenant: &TenantId,
        _application: &ApplicationId,
        _refresh_token: &str,
    ) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
}
