//! One change of a policy, made once and on what was seen.

use std::sync::Arc;

use super::Site;
use crate::{
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{PolicyChange, StoreError, VersionedPolicy, Written},
};

/// Changes made on the newest version before giving up; each conflict is somebody else's change.
const MOST_TRIES: usize = 8;

/// On which version a change is made.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Basis {
    /// On that one only.
    Version(u64),
    /// On whichever is stored.
    Newest,
}

/// What a change came to.
pub(super) enum Changed {
    Done(VersionedPolicy),
    Conflict,
    Invalid(DocumentError),
    NoTenant,
}

impl Site {
    /// Applies `change` to the stored policy and writes it back, with a record of who did it.
    pub(super) async fn change(
        &self,
        tenant: &TenantId,
        basis: Basis,
        who: &str,
        what: &str,
        change: impl Fn(&TenantPolicy) -> Result<TenantPolicy, DocumentError>,
    ) -> Result<Changed, StoreError> {
        for _ in 0..MOST_TRIES {
            let Some(stored) = self.policies.read(tenant).await? else {
                return Ok(Changed::NoTenant);
            };
            if matches!(basis, Basis::Version(version) if version != stored.version) {
                return Ok(Changed::Conflict);
            }
            let next = match change(&stored.policy) {
                Ok(next) => next,
                Err(error) => return Ok(Changed::Invalid(error)),
            };
            if next.to_json() == stored.policy.to_json() {
                return Ok(Changed::Done(stored));
            }
            let now = self.sspr.now();
            let change = PolicyChange::new(now, who, what, Some(&stored.policy), next);
            match self.policies.write(&change, stored.version).await? {
                Written::Written { version } => {
                    let policy = Arc::clone(&change.after);
                    return Ok(Changed::Done(VersionedPolicy::new(policy, version)));
                }
                Written::Conflict { .. } => {}
            }
        }
        Ok(Changed::Conflict)
    }
}
