//! One change of a policy, made once and on what was seen.

use std::sync::Arc;

use super::Site;
use crate::{
    domain::TenantId,
    policy::{DocumentError, TenantPolicy},
    ports::{BaseOrigin, PolicyChange, StoreError, StoreErrorKind, Written},
};

/// Changes made on the newest version before giving up; each conflict is somebody else's change.
const MOST_TRIES: usize = 8;

/// On which version a change is made.
#[derive(Clone, PartialEq, Eq)]
pub(super) enum Basis {
    /// On one of these only.
    Versions(Vec<u64>),
    /// On whichever is stored.
    Newest,
}

/// What a change came to.
pub(super) enum Changed {
    Done(Stored),
    Conflict,
    Invalid(DocumentError),
    NoTenant,
}

/// A tenant's policy, or what a damaged one is repaired from.
pub(super) struct Stored {
    pub(super) policy: Arc<TenantPolicy>,
    /// Of what is stored.
    pub(super) version: u64,
    pub(super) damage: Option<(DocumentError, BaseOrigin)>,
}

impl Stored {
    /// Whether nobody knows what was decided about Email OTP.
    pub(super) fn has_lost_email(&self) -> bool {
        matches!(self.damage, Some((_, BaseOrigin::Salvaged { email: false })))
    }

    /// What is wrong with what is stored, and what is shown in its place.
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
    /// A tenant's policy; `None` if there is no such tenant.
    pub(super) async fn stored(&self, tenant: &TenantId) -> Result<Option<Stored>, StoreError> {
        let error = match self.policies.read(tenant).await {
            Ok(Some(found)) => {
                let (policy, version) = (found.policy, found.version);
                return Ok(Some(Stored { damage: None, policy, version }));
            }
            Ok(None) => None,
            Err(error) if error.kind() == StoreErrorKind::Corrupt => Some(error),
            Err(error) => return Err(error),
        };
        match (self.policies.damaged(tenant).await?, error) {
            (Some(damaged), _) => Ok(Some(Stored {
                damage: Some((damaged.fault, damaged.origin)),
                policy: damaged.base,
                version: damaged.version,
            })),
            (None, Some(error)) => Err(error),
            (None, None) => Ok(None),
        }
    }

    /// Applies `change` to the stored policy and writes it back, with a record of who did it.
    pub(super) async fn change(
        &self,
        tenant: &TenantId,
        basis: &Basis,
        (who, what): (&str, &str),
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError>,
    ) -> Result<Changed, StoreError> {
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
                Err(error) => return Ok(Changed::Invalid(error)),
            };
            // Read back before it is written: what could not be read would be lost.
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
                    return Ok(Changed::Done(Stored { damage: None, policy, version }));
                }
                Written::Conflict { .. } => {}
            }
        }
        Ok(Changed::Conflict)
    }

    /// Whether this very change was the last one: an administrator who has not seen the answer
    /// asks again.
    async fn is_made(
        &self,
        stored: &Stored,
        (who, what): (&str, &str),
        change: impl Fn(&Stored) -> Result<TenantPolicy, DocumentError>,
    ) -> Result<bool, StoreError> {
        let changes = self.policies.changes(stored.policy.tenant(), 1).await?;
        let Some(last) = changes.first().filter(|last| last.who == who && last.what == what) else {
            return Ok(false);
        };
        let Ok(before) = TenantPolicy::from_json(&last.before.to_string()) else {
            return Ok(false);
        };
        let before = Stored { damage: None, policy: Arc::new(before), version: 0 };
        let is_same = change(&before).is_ok_and(|after| after == *stored.policy);
        Ok(stored.damage.is_none() && is_same)
    }
}
