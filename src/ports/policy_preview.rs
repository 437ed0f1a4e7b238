//! Port: the count of the accounts that a change of the policy affects.

use std::sync::Arc;

use async_trait::async_trait;

use crate::{domain::Account, policy::TenantPolicy};

/// A count of the accounts that a change of the policy would stop from resetting.
///
/// The administrator's page shows the count before a change is saved. The count decides nothing, so
/// an estimate is enough.
///
/// # Examples
/// A host with a table of accounts can count with one query. This example looks only at the state
/// and the excluded groups of Email OTP. It ignores user flows, SMS and required proofs:
///
/// ```
/// use sspr::{
///     TenantPolicy,
///     domain::Method,
///     policy::{MethodState, Target},
///     ports::{Affected, PolicyPreview},
/// };
///
/// struct Mine;
///
/// #[async_trait::async_trait]
/// impl PolicyPreview for Mine {
///     async fn affected(
///         &self,
///         before: &TenantPolicy,
///         after: &TenantPolicy,
///     ) -> Option<Affected> {
///         let is_on = |policy: &TenantPolicy| {
///             let email = policy.authentication_methods().method(Method::Email);
///             let excluded = email.exclude().iter().filter_map(|target| match target {
///                 Target::Group(id) => Some(id.as_str().to_owned()),
///                 _ => None,
///             });
///             (email.state() == MethodState::Enabled, excluded.collect::<Vec<_>>())
///         };
///         let (_before, _after) = (is_on(before), is_on(after));
///         // SELECT count(*) FILTER (WHERE NOT after), count(*) FROM (
///         //   SELECT $1 AND NOT groups && $2 AS before,
///         //          $3 AND NOT groups && $4 AS after
///         //   FROM accounts WHERE tenant = $5 AND password IS NOT NULL
///         // ) WHERE before
///         Some(Affected { accounts: 0, of: 0 })
///     }
/// }
/// ```
#[async_trait]
pub trait PolicyPreview: Send + Sync {
    /// Counts the accounts of a tenant that can reset under the policy `before`. Among these, it
    /// counts the accounts that could not reset under the policy `after`. Both policies belong to
    /// the same tenant.
    ///
    /// `None` means that the accounts cannot be counted now. The administrator waits at most 2
    /// seconds for the answer. The future may be dropped at any time.
    async fn affected(&self, before: &TenantPolicy, after: &TenantPolicy) -> Option<Affected>;
}

/// The number of accounts that a change of the policy affects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: a host makes it.
pub struct Affected {
    /// The number of accounts that could no longer reset after the change.
    pub accounts: u64,
    /// The number of accounts that can reset before the change.
    pub of: u64,
}

impl Affected {
    /// Counts by asking both policies about each account. This is the reference for every
    /// implementation. An account can reset if any user flow lets it.
    #[must_use]
    pub fn among<'a>(
        before: &TenantPolicy,
        after: &TenantPolicy,
        accounts: impl IntoIterator<Item = &'a Account>,
    ) -> Self {
        let can_reset = |policy: &TenantPolicy, account: &Account| {
            let mut flows = policy.user_flows().iter();
            flows.any(|flow| policy.decide(flow.id(), account).is_available())
        };
        let mut count = Self::default();
        for account in accounts.into_iter().filter(|account| can_reset(before, account)) {
            count.of += 1;
            count.accounts += u64::from(!can_reset(after, account));
        }
        count
    }
}

#[async_trait]
impl<T: PolicyPreview + ?Sized> PolicyPreview for Arc<T> {
    async fn affected(&self, before: &TenantPolicy, after: &TenantPolicy) -> Option<Affected> {
        (**self).affected(before, after).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{AccountId, EmailAddress, GroupId, PasswordHash, Stamp},
        policy::{AuthenticationMethodsPolicy, UserFlow},
    };

    fn account(name: &str) -> Account {
        let address = EmailAddress::parse(&format!("{name}@x.example")).unwrap();
        let hash = PasswordHash::parse("$argon2id$").unwrap();
        let stamp = Stamp::from_bytes([1; 16]);
        Account::new(AccountId::parse(name).unwrap(), address, stamp).with_password(hash)
    }

    #[test]
    fn only_accounts_that_can_reset_now_are_counted() {
        let (ada, mut grace, mut eve) = (account("ada"), account("grace"), account("eve"));
        grace.groups = vec![GroupId::parse("staff").unwrap()];
        eve.disabled = true;
        let before = TenantPolicy::customers("contoso").unwrap();
        let with = |json: &str| {
            let methods = AuthenticationMethodsPolicy::from_email_json(json).unwrap();
            before.clone().with_authentication_methods(methods)
        };
        let but_staff = with(
            r#"{"state": "enabled", "includeTargets": [{"id": "all_users"}],
            "excludeTargets": [{"id": "staff"}]}"#,
        );
        let off = with(r#"{"state": "disabled", "includeTargets": [{"id": "all_users"}]}"#);
        let count = |before: &TenantPolicy, after: &TenantPolicy| {
            let count = Affected::among(before, after, [&ada, &grace, &eve]);
            (count.accounts, count.of)
        };

        assert_eq!(count(&before, &before), (0, 2));
        assert_eq!(count(&before, &but_staff), (1, 2));
        assert_eq!(count(&but_staff, &off), (1, 1));
        assert_eq!(count(&off, &before), (0, 0));
    }

    #[test]
    fn an_account_that_another_user_flow_serves_can_still_reset() {
        let flow = |name: &str, provider: &str| {
            let json = format!(
                r#"{{"displayName": "{name}", "conditions": {{"applications": {{"includeAllApplications": true}}}},
                "onAuthenticationMethodLoadStart": {{"identityProviders": [{{"id": "{provider}"}}]}}}}"#
            );
            UserFlow::from_json(&json).unwrap()
        };
        let [password, google] = ["EmailPassword-OAUTH", "Google-OAUTH"];
        let with = |one: &str, two: &str| {
            let flows = vec![flow("one", one), flow("two", two)];
            TenantPolicy::customers("contoso").unwrap().with_user_flows(flows).unwrap()
        };
        let ada = account("ada");
        let count = |after: &TenantPolicy| {
            Affected::among(&with(password, password), after, [&ada]).accounts
        };

        assert_eq!(count(&with(google, password)), 0);
        assert_eq!(count(&with(google, google)), 1);
    }
}
