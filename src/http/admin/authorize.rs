//! Port: who may administer.

use async_trait::async_trait;
use axum::http::request::Parts;

use crate::{domain::TenantId, http::ReturnTo};

/// Decides who may see and change policies.
///
/// # Security
/// Called before anything is read. Answer from the host's own administrator sessions; a customer's
/// session must never do. For JSON clients it may read an `Authorization` header.
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Decides about one request.
    async fn authorize(&self, request: &Parts, access: Access<'_>) -> Authorized;
}

/// What a request wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access<'a> {
    /// Of which tenant; `None` asks for the list of tenants only.
    pub tenant: Option<&'a TenantId>,
    /// To see it, or to change it.
    pub kind: AccessKind,
}

/// To see or to change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum AccessKind {
    /// To see policies, readiness, and why an account may not reset.
    Read,
    /// To change policies.
    Write,
}

/// What is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive: each is answered in its own way.
pub enum Authorized {
    /// The administrator of that name, which audit records keep.
    As(String),
    /// Nobody who may.
    Forbidden,
    /// Nobody yet: pages are sent there, JSON clients get a 401.
    SignIn(ReturnTo),
}
