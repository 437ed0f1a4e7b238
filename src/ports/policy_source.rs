//! Port: what the administrator decided.

use core::fmt;
use std::{error::Error as StdError, sync::Arc};

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
    /// [`PolicyError`] if no good policy of this tenant was ever loaded. Fails closed for this
    /// tenant alone: nothing is sent or changed.
    fn policy(&self, tenant: &TenantId) -> Result<Option<Arc<TenantPolicy>>, PolicyError>;
}

/// No policy can be supplied. The message says what failed and what to do; its cause is `source()`.
///
/// ```
/// use sspr::ports::PolicyError;
///
/// let error = PolicyError::new("policies: the database cannot be reached; check its address");
/// let error = error.with_source(std::io::Error::other("connection refused"));
/// assert!(std::error::Error::source(&error).is_some());
/// ```
#[derive(Clone, Debug)]
pub struct PolicyError {
    message: String,
    source: Option<Arc<dyn StdError + Send + Sync>>,
}

impl PolicyError {
    /// An error with a message in lower case that says what to do.
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

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl StdError for PolicyError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_ref().map(|source| {
            let source: &(dyn StdError + 'static) = &**source;
            source
        })
    }
}
