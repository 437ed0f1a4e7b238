//! The port that decides who may administer.

use async_trait::async_trait;
use axum::http::request::Parts;

use crate::{domain::TenantId, http::ReturnTo};

/// Decides who may see and change policies, and who may do what at the help desk.
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
    /// The kind of access.
    pub kind: AccessKind,
}

/// The kind of access. Each kind is a permission of its own.
///
/// The kinds beside [`Read`](Self::Read) and [`Write`](Self::Write) belong to the help desk. They
/// are asked for only if the host has called
/// [`Admin::with_help_desk`](super::Admin::with_help_desk). Staff of the help desk need neither
/// `Read` nor `Write`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
// Exhaustive: a host should decide about each kind.
pub enum AccessKind {
    /// Makes an assistance code and shows it to staff.
    AssistanceCode,
    /// Sees the audit records about a customer, with network addresses and the reasons of staff. They
    /// are shown together with what [`Customers`](Self::Customers) shows.
    AuditTrail,
    /// Looks customers up and sees their state. The customer pages need this access for every
    /// request.
    Customers,
    /// Reads policies, readiness and the reasons why an account may not reset.
    Read,
    /// Requires a new password at the next sign-in of an account.
    RequireChange,
    /// Sets a temporary password and shows it to staff.
    TemporaryPassword,
    /// Ends the freeze of an account.
    Unfreeze,
    /// Ends the pause of an account after wrong passwords.
    Unlock,
    /// Changes policies.
    Write,
}

/// The decision about a request.
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive: each is answered in its own way.
pub enum Authorized {
    /// Allows the request for the administrator of this name. Audit records keep the name. At the
    /// help desk it must be a valid [`ActorId`](crate::domain::ActorId).
    As(String),
    /// Refuses the request, because this administrator has no such access.
    Forbidden,
    /// Refuses the request, because no administrator has signed in. Pages redirect to this path,
    /// and JSON clients get a 401.
    SignIn(ReturnTo),
}
