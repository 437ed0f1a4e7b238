//! Tokens for nobody: what is measured stops before them.

use sspr::{
    domain::{ApplicationId, TenantId},
    http::{IssueError, Issued, TokenIssuer, TokenRequest},
};

pub struct Nobody;

#[async_trait::async_trait]
impl TokenIssuer for Nobody {
    async fn issue(&self, _: TokenRequest<'_>) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
    async fn refresh(
        &self,
        _: &TenantId,
        _: &ApplicationId,
        _: &str,
    ) -> Result<Issued, IssueError> {
        Ok(Issued::Refused)
    }
}
