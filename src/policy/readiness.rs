//! Checks whether a tenant is set up, and says what an administrator still has to do.

use core::fmt;

use super::{HostProofs, MethodState, RequiredProofs, Target, TenantPolicy};
use crate::domain::Method;

/// Every precondition of password reset in a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readiness(Vec<Check>);

/// One precondition.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Check {
    /// The name of the precondition.
    pub name: &'static str,
    /// Whether the precondition is met.
    pub state: CheckState,
    /// The next step, or a note.
    pub words: String,
}

/// The state of a precondition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: pages show each in its own way.
pub enum CheckState {
    /// The precondition is met.
    Ready,
    /// The precondition is not met, so some or all users cannot reset.
    ToDo,
    /// The precondition is met, but the administrator should read the note.
    Note,
}

impl TenantPolicy {
    /// Returns the preconditions that are met and those that are still to do. For administrators
    /// only.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let methods = self.authentication_methods().method(Method::Email);
        let check = |name, met: bool, words: &str| Check {
            name,
            state: if met { CheckState::Ready } else { CheckState::ToDo },
            words: if met { String::new() } else { words.to_owned() },
        };
        let empty_flows: Vec<&str> = self
            .user_flows()
            .iter()
            .filter(|flow| !flow.has_applications())
            .map(|flow| flow.display_name())
            .collect();
        let mut checks = vec![
            check(
                "Email OTP is enabled",
                methods.state() == MethodState::Enabled,
                "Enable Email OTP in the authentication methods policy.",
            ),
            check(
                "Email OTP includes somebody",
                !methods.include().is_empty(),
                "Include all users, or a group: an empty list is nobody.",
            ),
            check(
                "A user flow offers Email with password",
                self.user_flows().iter().any(super::UserFlow::has_passwords),
                "Choose the identity provider \"Email with password\" in a user flow.",
            ),
            check(
                "Every user flow has an application",
                empty_flows.is_empty(),
                &format!("Add an application to: {}.", empty_flows.join(", ")),
            ),
        ];
        if methods.exclude().contains(&Target::AllUsers) {
            checks.push(check(
                "Email OTP excludes only some",
                false,
                "Remove all users from the excluded: an exclude always wins.",
            ));
        } else if !methods.exclude().is_empty() {
            checks.push(Check {
                name: "Some are excluded",
                state: CheckState::Note,
                words: "An excluded group always wins over an included one.".to_owned(),
            });
        }
        let sms = self.authentication_methods().method(Method::Sms);
        if sms.state() == MethodState::Enabled {
            checks.push(check(
                "SMS includes somebody",
                !sms.include().is_empty(),
                "Include all users, or a group: an empty list is nobody.",
            ));
            checks.push(check(
                "SMS serves a country",
                !self.sms_countries().is_empty(),
                "Name the countries in which you have customers.",
            ));
        }
        if self.required_proofs() == RequiredProofs::Two {
            checks.push(check(
                "Two different proofs are on",
                self.offers_method(Method::Sms) || self.host_proofs() == HostProofs::On,
                "Two proofs are required: enable SMS, or proofs that the service checks itself.",
            ));
        }
        Readiness(checks)
    }
}

impl Readiness {
    /// Returns the preconditions, in the order in which to meet them.
    #[must_use]
    pub fn checks(&self) -> &[Check] {
        &self.0
    }

    /// Returns whether every precondition is met.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.0.iter().all(|check| check.state != CheckState::ToDo)
    }
}

impl fmt::Display for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, check) in self.0.iter().enumerate() {
            let mark = match check.state {
                CheckState::Ready => "ready",
                CheckState::ToDo => "to do",
                CheckState::Note => "note ",
            };
            let line = if index == 0 { "" } else { "\n" };
            write!(f, "{line}[{mark}] {}", check.name)?;
            if !check.words.is_empty() {
                write!(f, ": {}", check.words)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{AuthenticationMethodsPolicy, UserFlow};

    fn states(policy: &TenantPolicy) -> Vec<CheckState> {
        policy.readiness().checks().iter().map(|check| check.state).collect()
    }

    #[test]
    fn a_tenant_of_customers_is_ready() {
        let readiness = TenantPolicy::customers("contoso").unwrap().readiness();
        assert!(readiness.is_ready());
        assert!(readiness.checks().iter().all(|check| check.words.is_empty()));
        let first = readiness.to_string();
        assert!(first.starts_with("[ready] Email OTP is enabled\n[ready] "), "{first}");
    }

    #[test]
    fn one_flow_with_passwords_is_enough_and_none_is_not() {
        use CheckState::{Ready, ToDo};
        let flow = |name: &str, provider: &str| {
            let json = format!(
                r#"{{"displayName": "{name}", "conditions": {{"applications": {{"includeAllApplications": true}}}},
                "onAuthenticationMethodLoadStart": {{"identityProviders": [{{"id": "{provider}"}}]}}}}"#
            );
            UserFlow::from_json(&json).unwrap()
        };
        let with = |flows: Vec<UserFlow>| {
            TenantPolicy::customers("contoso").unwrap().with_user_flows(flows).unwrap()
        };
        let (password, google) = (flow("a", "EmailPassword-OAUTH"), flow("b", "Google-OAUTH"));

        let both = with(vec![google.clone(), password]);
        assert_eq!(states(&both), [Ready, Ready, Ready, Ready]);
        assert!(both.readiness().is_ready());
        for flows in [vec![google], Vec::new()] {
            let policy = with(flows);
            assert_eq!(states(&policy), [Ready, Ready, ToDo, Ready]);
            assert!(!policy.readiness().is_ready());
        }
    }

    #[test]
    fn a_flow_without_an_application_is_named_among_others_that_have_one() {
        let flow = |name: &str, all: bool| {
            let json = format!(
                r#"{{"displayName": "{name}", "conditions": {{"applications": {{"includeAllApplications": {all}}}}},
                "onAuthenticationMethodLoadStart": {{"identityProviders": [{{"id": "EmailPassword-OAUTH"}}]}}}}"#
            );
            UserFlow::from_json(&json).unwrap()
        };
        let flows = vec![flow("One", false), flow("Two", true), flow("Three", false)];
        let policy = TenantPolicy::customers("contoso").unwrap().with_user_flows(flows).unwrap();
        let text = policy.readiness().to_string();
        assert!(text.ends_with("Add an application to: One, Three."), "{text}");
    }

    #[test]
    fn whoever_excludes_everybody_is_told_so() {
        let json = r#"{"state": "enabled", "includeTargets": [{"id": "all_users"}],
            "excludeTargets": [{"id": "staff"}, {"id": "all_users"}]}"#;
        let methods = AuthenticationMethodsPolicy::from_email_json(json).unwrap();
        let policy = TenantPolicy::customers("contoso").unwrap();
        let readiness = policy.with_authentication_methods(methods).readiness();
        assert!(!readiness.is_ready());
        assert!(readiness.to_string().contains("[to do] Email OTP excludes only some"));
    }

    #[test]
    fn what_is_still_to_do_is_said_in_order() {
        use CheckState::{Note, Ready, ToDo};
        let customers = TenantPolicy::customers("contoso").unwrap();
        let methods = |json| AuthenticationMethodsPolicy::from_email_json(json).unwrap();
        let off = methods(r#"{"state": "disabled"}"#);
        let but = r#"{"state": "enabled", "includeTargets": [{"id": "all_users"}],
            "excludeTargets": [{"id": "staff"}]}"#;
        let shop = UserFlow::from_json(r#"{"displayName": "Shop"}"#).unwrap();

        let policy = customers.clone().with_authentication_methods(off);
        assert_eq!(states(&policy), [ToDo, ToDo, Ready, Ready]);
        assert!(!policy.readiness().is_ready());
        let policy = customers.clone().with_authentication_methods(methods(but));
        assert_eq!(states(&policy), [Ready, Ready, Ready, Ready, Note]);
        assert!(policy.readiness().is_ready(), "a note is nothing to do");
        let policy = customers.with_user_flows(vec![shop]).unwrap();
        assert_eq!(states(&policy), [Ready, Ready, ToDo, ToDo]);
        let text = policy.readiness().to_string();
        assert!(
            text.ends_with(
                "[to do] Every user flow has an application: Add an application to: Shop."
            )
        );
    }

    #[test]
    fn one_flow_with_passwords_is_enough_and_one_without_an_application_is_named() {
        use CheckState::{Ready, ToDo};
        let customers = TenantPolicy::customers("contoso").unwrap();
        let google = r#"{"displayName": "Google", "conditions": {"applications":
            {"includeAllApplications": true}}, "onAuthenticationMethodLoadStart":
            {"identityProviders": [{"id": "Google-OAUTH"}]}}"#;
        let google = UserFlow::from_json(google).unwrap();
        let shop = UserFlow::from_json(r#"{"displayName": "Shop"}"#).unwrap();
        let both = |other: &UserFlow| {
            let own = customers.user_flows().to_vec();
            let first = [vec![other.clone()], own.clone()].concat();
            let last = [own, vec![other.clone()]].concat();
            [first, last].map(|flows| customers.clone().with_user_flows(flows).unwrap())
        };

        for policy in both(&google) {
            assert_eq!(states(&policy), [Ready, Ready, Ready, Ready]);
            assert!(policy.readiness().is_ready());
        }
        for policy in both(&shop) {
            assert_eq!(states(&policy), [Ready, Ready, Ready, ToDo]);
            assert!(!policy.readiness().is_ready());
        }
        let alone = customers.clone().with_user_flows(vec![google]).unwrap();
        assert_eq!(states(&alone), [Ready, Ready, ToDo, Ready]);
    }

    #[test]
    fn two_proofs_need_a_second_method() {
        use CheckState::{Ready, ToDo};
        let one = TenantPolicy::customers("contoso").unwrap();
        assert_eq!(states(&one).len(), 4);
        let two = one.with_required_proofs(RequiredProofs::Two);
        assert_eq!(states(&two)[4..], [ToDo]);
        assert_eq!(states(&two.clone().with_host_proofs(HostProofs::On))[4..], [Ready]);
        let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
        let two = two.with_authentication_methods(methods).with_sms_countries(["US"]).unwrap();
        assert_eq!(states(&two).last(), Some(&Ready));
    }

    #[test]
    fn sms_is_checked_only_where_it_is_on() {
        use CheckState::{Ready, ToDo};
        let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
        let policy = TenantPolicy::customers("contoso").unwrap();
        let policy = policy.with_authentication_methods(methods);
        assert_eq!(states(&policy)[4..], [Ready, ToDo]);
        let policy = policy.with_sms_countries(["US"]).unwrap();
        assert_eq!(states(&policy)[4..], [Ready, Ready]);
    }
}
