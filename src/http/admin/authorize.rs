//! The port that decides who may administer.

use async_trait::async_trait;
use axum::http::request::Parts;

use crate::{domain::TenantId, http::ReturnTo};

/// Decides who may see and change policies.
///
/// # Security
/// The router calls this port before it reads anything. Decide from the host's own administrator
/// sessions, and never from a customer's session. For JSON clients, the port may read an
/// `Authorization` header.
#[async_trait]
pub trait Authorize: Send + Sync {
    /// Decides about one request.
    async fn authorize(&self, request: &Parts, access: Access<'_>) -> Authorized;
}

/// The access that a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Access<'a> {
    /// The tenant that the request is about. `None` if the request asks only for the list of
    /// tenants.
    pub tenant: Option<&'a TenantId>,
    /// Whether the request reads or changes the policy.
    pub kind: AccessKind,
}

/// The kind of access: read or write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum AccessKind {
    /// Reads policies, readiness and the reasons why an account may not reset.
    Read,
    /// Changes policies.
    Write,
}

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive: each is answered in its own way.
pub enum Authorized {
    /// Allows the request for the administrator of this name. Audit records keep the name.
    As(String),
    /// Refuses the request, because this administrator has no such access.
    Forbidden,
    /// Refuses the request, because no administrator has signed in. Pages redirect to this path,
    /// and JSON clients get a 401.
    SignIn(ReturnTo),
}
