//! Port: the source of policies.

use std::{error::Error as StdError, sync::Arc};

use thiserror::Error;

use crate::{domain::TenantId, policy::TenantPolicy};

/// A source of the tenants' policies, from memory.
///
/// Every step of every reset asks it. Therefore it must not do I/O: load and refresh the policies
/// elsewhere, and answer the current one. A change takes effect at the next step of resets under
/// way. The suite `policy_source_conformance!` (feature `conformance`) tests an implementation.
///
/// ```
/// use sspr::domain::TenantId;
/// use sspr::ports::{PolicyError, PolicySource};
/// use sspr::TenantPolicy;
/// use std::sync::Arc;
///
/// struct Mine(Arc<TenantPolicy>);
///
/// impl PolicySource for Mine {
///     fn policy(
///         &self,
///         tenant: &TenantId,
///     ) -> Result<Option<Arc<TenantPolicy>>, PolicyError> {
///         let is_mine = self.0.tenant() == tenant;
///         Ok(is_mine.then(|| self.0.clone()))
///     }
/// }
/// ```
pub trait PolicySource: Send + Sync {
    /// Returns the current policy of a tenant, or `None` if the tenant does not exist.
    ///
    /// # Errors
    /// [`PolicyError`] if no valid policy of this tenant was ever loaded. Then no code is sent and no
    /// password is changed for this tenant. Other tenants are not affected.
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError>;
}

/// The error of a source that has no policy to answer. Its text says what failed and what to do.
///
/// ```
/// use sspr::ports::PolicyError;
///
/// let error = PolicyError::new("policies: the database cannot be reached; check its address");
/// let error = error.with_source(std::io::Error::other("connection refused"));
/// assert!(std::error::Error::source(&error).is_some());
/// ```
#[derive(Clone, Error)]
#[error("{message}")]
pub struct PolicyError {
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

debug_is_text!(PolicyError);

impl PolicyError {
    /// Makes an error from a text in lower case that says what to do.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), source: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into().into());
        self
    }
}
