//! The checks of a new password that run no slow hash.

use crate::{
    domain::{Account, Grant, Password, RecordId, Timestamp},
    policy::{PasswordContext, PasswordIssue, TenantPolicy},
    ports::{Breach, EventKind, Outcome},
};

use super::sspr::{About, Inner};

impl Inner {
    /// Returns the reasons why a password cannot be set for this account. Whether it has leaked is
    /// asked last, because a service of a third party may answer.
    pub(super) async fn issues(
        &self,
        grant: &Grant,
        password: &Password,
        policy: &TenantPolicy,
        account: &Account,
        now: Timestamp,
    ) -> Vec<PasswordIssue> {
        let mut issues = broken_rules(policy, password, Some(account));
        let reset = Some(grant.record());
        if issues.is_empty() && self.has_leaked(password, policy, reset, now).await {
            issues.push(PasswordIssue::Breached);
        }
        issues
    }

    /// Asks the breach check, if there is one. A password counts as safe while it is unavailable.
    pub(super) async fn has_leaked(
        &self,
        password: &Password,
        policy: &TenantPolicy,
        reset: Option<RecordId>,
        now: Timestamp,
    ) -> bool {
        let Some(breaches) = &self.breaches else { return false };
        match breaches.check(password).await {
            Breach::Known => true,
            Breach::NotKnown => false,
            Breach::Unavailable => {
                let about = About { reset, ..About::default().of(policy.tenant()) };
                self.emit(EventKind::BreachCheck, Outcome::Error, about, now);
                false
            }
        }
    }
}

/// Returns the rules that a password breaks. Without an account, those that need none.
pub(super) fn broken_rules(
    policy: &TenantPolicy,
    password: &Password,
    account: Option<&Account>,
) -> Vec<PasswordIssue> {
    let about = PasswordContext { account, brand: policy.brand().name(), tenant: policy.tenant() };
    policy.password_rules().check(password, &about)
}
