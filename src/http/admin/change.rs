//! A change of a policy, made once and on the version that the administrator saw.

use std::sync::Arc;

use super::site::Site;
use crate::{
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{BaseOrigin, PolicyChange, StoreError, StoreErrorKind, Written},
};

/// The most repeats of a change on newer versions. Each time, at least one of the concurrent
/// changes succeeds.
const MOST_TRIES: usize = 1_000;

/// The version on which a change is made.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Basis {
    /// Only on one of these versions.
    Versions(Vec<u64>),
    /// On the version that is stored.
    Newest,
}

/// The result of a change.
pub(super) enum Changed {
    Done(Stored),
    Conflict,
    /// Other changes were faster each time, and nothing was stored.
    Crowded,
    Invalid(DocumentError),
    NoTenant,
}

/// A tenant's policy, or the policy from which a damaged one is repaired.
pub(super) struct Stored {
    pub(super) policy: Arc<TenantPolicy>,
    /// The version of the stored policy.
    pub(super) version: u64,
    pub(super) damage: Option<(DocumentError, BaseOrigin)>,
    /// The policy that followed this one, if the change between the two may be the requested
    /// change.
    pub(super) next: Option<Arc<TenantPolicy>>,
}

impl Stored {
    /// Returns whether the damage has hidden the decisions about the methods.
    pub(super) fn has_lost_methods(&self) -> bool {
        matches!(self.damage, Some((_, BaseOrigin::Salvaged { email: false })))
    }

    /// Describes the fault of the stored policy, and names the policy that is shown instead.
    pub(super) fn warning(&self) -> Option<String> {
        let (fault, origin) = self.damage.as_ref()?;
        let shown = match origin {
            BaseOrigin::InForce => "the last good one, which is still in force here",
            BaseOrigin::Recorded => "the last good one on record; nobody can reset a password",
            BaseOrigin::Salvaged { .. } => {
                "as much of it as can be read, the rest being off or at its default; nobody can \
                 reset a password"
            }
        };
        Some(format!(
            "The stored policy cannot be read ({fault}). This is {shown}. A change replaces what \
             is stored."
        ))
    }
}

impl Site {
    /// Returns a tenant's policy, or `None` if there is no such tenant.
    pub(super) async fn stored(&self, tenant: &TenantId) -> Result<Option<Stored>, StoreError> {
        let error = match self.policies.read(tenant).await {
            Ok(Some(found)) => {
                let (policy, version) = (found.policy, found.version);
                return Ok(Some(Stored { damage: None, next: None, policy, version }));
            }
            Ok(None) => None,
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Some(error),
            Err(error) => return Err(error),
        };
        match (self.policies.damaged(tenant).await?, error) {
            (Some(damaged), _) => Ok(Some(Stored {
                damage: Some((damaged.fault, damaged.origin)),
                next: None,
                policy: damaged.base,
                version: damaged.version,
            })),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// Applies `change` to the stored policy and writes it back, with a record of the
    /// administrator.
    pub(super) async fn change(
        &self,
        tenant: &TenantId,
        basis: &Basis,
        (who, what): (&str, &str),
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError> + Send + Sync,
    ) -> Result<Changed, StoreError> {
        let mut turn = None;
        for _ in 0..MOST_TRIES {
            let Some(stored) = self.stored(tenant).await? else {
                return Ok(Changed::NoTenant);
            };
            if matches!(basis, Basis::Versions(listed) if !listed.contains(&stored.version)) {
                let is_made = self.is_made(&stored, (who, what), &change).await?;
                return Ok(if is_made { Changed::Done(stored) } else { Changed::Conflict });
            }
            let next = match change(&stored) {
                Ok(next) => next,
                // A change that was made already cannot be made again.
                Err(error) => {
                    let is_made = self.is_made(&stored, (who, what), &change).await?;
                    return Ok(if is_made {
                        Changed::Done(stored)
                    } else {
                        Changed::Invalid(error)
                    });
                }
            };
            // Read the document back before it is written, because an unreadable one would be lost.
            if let Err(error) = next.to_text() {
                return Ok(Changed::Invalid(error));
            }
            if stored.damage.is_none() && next == *stored.policy {
                return Ok(Changed::Done(stored));
            }
            let now = self.sspr.now();
            let change = PolicyChange::new(now, who, what, Some(&stored.policy), next);
            match self.policies.write(&change, stored.version).await? {
                Written::Written { version } => {
                    let policy = Arc::clone(&change.after);
                    return Ok(Changed::Done(Stored { damage: None, next: None, policy, version }));
                }
                Written::Conflict { .. } if turn.is_none() => turn = self.turns.take(tenant).await,
                Written::Conflict { .. } => {}
            }
        }
        Ok(Changed::Crowded)
    }

    /// Returns whether exactly this change was the last one. An administrator who did not see the
    /// answer repeats the request.
    async fn is_made(
        &self,
        stored: &Stored,
        (who, what): (&str, &str),
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError> + Send + Sync,
    ) -> Result<bool, StoreError> {
        let changes = self.policies.changes(stored.policy.tenant(), 1).await?;
        let Some(last) = changes.first().filter(|last| last.who == who && last.what == what) else {
            return Ok(false);
        };
        let Ok(before) = TenantPolicy::from_json(&last.before.to_string()) else {
            return Ok(false);
        };
        let next = Some(Arc::clone(&stored.policy));
        let before = Stored { damage: None, next, policy: Arc::new(before), version: 0 };
        let is_same = change(&before).is_ok_and(|after| after == *stored.policy);
        Ok(stored.damage.is_none() && is_same)
    }
}
