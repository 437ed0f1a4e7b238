//! Port: what the administrator decided.

use std::sync::Arc;

use thiserror::Error;

use crate::{domain::TenantId, policy::TenantPolicy};

/// Supplies each tenant's policy, from memory.
///
/// Asked at every step of every reset, so it must not do I/O: load and refresh elsewhere, and
/// answer what is current. A change takes effect at the next step of resets under way.
///
/// *Suite*: `policy_source_conformance!` (feature `conformance`).
pub trait PolicySource: Send + Sync {
    /// The tenant's current policy; `None` if there is no such tenant.
    ///
    /// # Errors
    /// [`PolicyError`] if no good policy was ever loaded. Fails closed: nothing is sent or changed.
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError>;
}

/// No policy can be supplied.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("policy: {0}")]
#[non_exhaustive]
pub struct PolicyError(pub String);
