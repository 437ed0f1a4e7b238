//! Decides whether an account may reset its password, with every reason instead of only the first
//! one.

use core::fmt;

use super::{MethodState, SameMailbox, TenantPolicy};
use crate::domain::{Account, IdentityProvider, SecondFactor, UserFlowId};

/// The decision whether self-service reset is available to an account.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use]
pub struct Decision(Vec<Ineligibility>);

/// The reason why an account may not reset. Show it to administrators only, because no customer's
/// answer may depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ineligibility {
    /// The account is disabled.
    Disabled,
    /// Email OTP is switched off.
    EmailOtpDisabled,
    /// An exclude target covers the account.
    Excluded,
    /// The user flow covers no application.
    FlowWithoutApplications,
    /// The user flow does not offer e-mail with password.
    FlowWithoutPasswords,
    /// The account has no address on file.
    NoAddress,
    /// The account has no password in this service.
    NoPassword,
    /// No include target covers the account.
    NotIncluded,
    /// The account does not sign in with e-mail and password.
    NotLocal,
    /// The account's only second factor is the mailbox to which the code would be sent.
    SecondFactorInSameMailbox,
    /// There is no such user flow.
    UnknownFlow,
}

/// A decision in words that help an administrator to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    decision: Decision,
    frozen: bool,
    locked: bool,
}

impl Decision {
    /// Returns whether reset is available, because no reason speaks against it.
    #[must_use]
    pub const fn is_available(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns all reasons against a reset.
    #[must_use]
    pub fn reasons(&self) -> &[Ineligibility] {
        &self.0
    }
}

impl Ineligibility {
    /// Says what the reason is, and what would change it.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Disabled => "the account is disabled; enable it first",
            Self::EmailOtpDisabled => {
                "Email OTP is disabled in the authentication methods policy; enable it"
            }
            Self::Excluded => {
                "an exclude target of Email OTP covers the account; excludes always win"
            }
            Self::FlowWithoutApplications => "the user flow covers no application; add one to it",
            Self::FlowWithoutPasswords => {
                "the user flow does not list the identity provider \"Email with password\""
            }
            Self::NoAddress => "the account has no verified e-mail address on file",
            Self::NoPassword => "the account has no password here, so there is none to reset",
            Self::NotIncluded => {
                "no include target of Email OTP covers the account; include all users or a group"
            }
            Self::NotLocal => {
                "the account signs in with another identity provider, which keeps its password"
            }
            Self::SecondFactorInSameMailbox => {
                "its only second factor is the mailbox that the code would go to; add another \
                 factor, or allow it for the tenant"
            }
            Self::UnknownFlow => "there is no such user flow",
        }
    }
}

impl TenantPolicy {
    /// Decides whether an account may reset its password. Locked and frozen accounts may, because a
    /// reset is meant to unlock them.
    pub fn decide(&self, flow: &UserFlowId, account: &Account) -> Decision {
        let methods = self.authentication_methods();
        let flow = self.user_flow(flow);
        let local = account.identity_providers.contains(&IdentityProvider::EmailPassword);
        let same_mailbox = account.second_factor == SecondFactor::SameMailbox
            && self.same_mailbox() == SameMailbox::NotEligible;
        let checks = [
            (flow.is_none(), Ineligibility::UnknownFlow),
            (
                flow.is_some_and(|flow| !flow.has_applications()),
                Ineligibility::FlowWithoutApplications,
            ),
            (flow.is_some_and(|flow| !flow.has_passwords()), Ineligibility::FlowWithoutPasswords),
            (methods.state() == MethodState::Disabled, Ineligibility::EmailOtpDisabled),
            (!methods.includes(account), Ineligibility::NotIncluded),
            (methods.excludes(account), Ineligibility::Excluded),
            (account.disabled, Ineligibility::Disabled),
            (!local, Ineligibility::NotLocal),
            (account.password.is_none(), Ineligibility::NoPassword),
            (account.destinations().is_empty(), Ineligibility::NoAddress),
            (same_mailbox, Ineligibility::SecondFactorInSameMailbox),
        ];
        let failed = checks.into_iter().filter(|(fails, _)| *fails);
        Decision(failed.map(|(_, reason)| reason).collect())
    }

    /// Explains the same decision to administrators. No customer's request reaches this method.
    #[must_use]
    pub fn explain(&self, flow: &UserFlowId, account: &Account) -> Explanation {
        Explanation {
            decision: self.decide(flow, account),
            frozen: account.frozen.is_some(),
            locked: account.locked,
        }
    }
}

impl Explanation {
    /// Returns the decision that this explains.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.decision.is_available() {
            f.write_str("Password reset is available")?;
            f.write_str(if self.locked { ", and unlocks the account." } else { "." })?;
        } else {
            f.write_str("Password reset is not available:")?;
            for reason in self.decision.reasons() {
                write!(f, "\n- {}", reason.words())?;
            }
        }
        if self.frozen {
            f.write_str(FROZEN)?;
        }
        Ok(())
    }
}

/// The words of an explanation about a frozen account.
const FROZEN: &str = "\nThe account is frozen: its owner typed the code of a notice. Nobody can \
                      sign in. A reset ends this, and its code goes only to the address that got \
                      the notice. Staff can end it too.";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{AccountId, EmailAddress, GroupId, PasswordHash, Stamp},
        policy::AuthenticationMethodsPolicy,
    };

    fn ada() -> Account {
        let id = AccountId::parse("ada").unwrap();
        let address = EmailAddress::parse("ada@x.example").unwrap();
        let hash = PasswordHash::parse("$argon2id$").unwrap();
        Account::new(id, address, Stamp::from_bytes([1; 16])).with_password(hash)
    }

    fn reasons(policy: &TenantPolicy, change: impl FnOnce(&mut Account)) -> Vec<Ineligibility> {
        let mut account = ada();
        change(&mut account);
        policy.decide(&UserFlowId::parse("sign-in").unwrap(), &account).reasons().to_vec()
    }

    fn contoso(targets: &str) -> TenantPolicy {
        let json = format!(r#"{{"id": "Email", "state": "enabled", {targets}}}"#);
        let methods = AuthenticationMethodsPolicy::from_email_json(&json).unwrap();
        TenantPolicy::customers("contoso").unwrap().with_authentication_methods(methods)
    }

    fn staff(account: &mut Account) {
        account.groups = vec![GroupId::parse("staff").unwrap()];
    }

    #[test]
    fn whatever_stands_against_a_reset_is_named() {
        let policy = TenantPolicy::customers("contoso").unwrap();
        let google = vec![IdentityProvider::Google];

        assert_eq!(reasons(&policy, |_| {}), []);
        assert_eq!(reasons(&policy, |ada| ada.locked = true), []);
        assert_eq!(reasons(&policy, |ada| ada.disabled = true), [Ineligibility::Disabled]);
        assert_eq!(reasons(&policy, |ada| ada.password = None), [Ineligibility::NoPassword]);
        assert_eq!(reasons(&policy, |ada| ada.addresses.clear()), [Ineligibility::NoAddress]);
        assert_eq!(
            reasons(&policy, |ada| ada.identity_providers = google),
            [Ineligibility::NotLocal]
        );
        let same = reasons(&policy, |ada| ada.second_factor = SecondFactor::SameMailbox);
        assert_eq!(same, [Ineligibility::SecondFactorInSameMailbox]);
        assert_eq!(reasons(&policy, |ada| ada.second_factor = SecondFactor::Independent), []);
    }

    #[test]
    fn an_exclude_target_wins_and_no_include_target_is_nobody() {
        let all = r#""includeTargets": [{"id": "all_users"}]"#;
        let but_staff = contoso(&format!(r#"{all}, "excludeTargets": [{{"id": "staff"}}]"#));
        let only_staff = contoso(r#""includeTargets": [{"id": "staff"}]"#);
        let nobody = contoso(r#""includeTargets": []"#);

        assert_eq!(reasons(&but_staff, |_| {}), []);
        assert_eq!(reasons(&but_staff, staff), [Ineligibility::Excluded]);
        assert_eq!(reasons(&only_staff, |_| {}), [Ineligibility::NotIncluded]);
        assert_eq!(reasons(&only_staff, staff), []);
        assert_eq!(reasons(&nobody, staff), [Ineligibility::NotIncluded]);
    }

    #[test]
    fn a_guid_in_capitals_is_the_same_guid_and_other_ids_are_compared_exactly() {
        const GROUP: &str = "63856651-0a0b-4c0d-8e0f-aabbccddeeff";
        let but = |id: &str| {
            let targets = r#""includeTargets": [{"id": "All_Users"}], "excludeTargets""#;
            contoso(&format!(r#"{targets}: [{{"targetType": "group", "id": "{id}"}}]"#))
        };
        let member = |of: &'static str| {
            move |account: &mut Account| account.groups = vec![GroupId::parse(of).unwrap()]
        };
        assert_eq!(reasons(&but(&GROUP.to_uppercase()), member(GROUP)), [Ineligibility::Excluded]);
        assert_eq!(reasons(&but("ALL_USERS"), |_| {}), [Ineligibility::Excluded]);
        assert_eq!(reasons(&but("Staff"), member("staff")), []);
        for other in ["63856651-0a0b-4c0d-8e0f-aabbccddeefg", "63856651-0a0b-4c0d-8e0faabbccddeeff"]
        {
            assert_eq!(reasons(&but(&other.to_uppercase()), member(other)), [], "{other}");
        }
    }

    #[test]
    fn an_older_policy_may_name_one_account() {
        let all = r#""includeTargets": [{"id": "all_users"}]"#;
        let but = |id: &str| {
            contoso(&format!(
                r#"{all}, "excludeTargets": [{{"targetType": "user", "id": "{id}"}}]"#
            ))
        };
        assert_eq!(reasons(&but("ada"), |_| {}), [Ineligibility::Excluded]);
        assert_eq!(reasons(&but("eve"), |_| {}), []);
    }

    #[test]
    fn the_tenant_and_the_user_flow_can_stand_against_it() {
        let mut policy = TenantPolicy::customers("contoso").unwrap();
        let decide = |policy: &TenantPolicy, flow: &str| {
            policy.decide(&UserFlowId::parse(flow).unwrap(), &ada()).reasons().to_vec()
        };
        assert_eq!(decide(&policy, "other"), [Ineligibility::UnknownFlow]);
        let same = |ada: &mut Account| ada.second_factor = SecondFactor::SameMailbox;
        assert_eq!(reasons(&policy.clone().with_same_mailbox(SameMailbox::Eligible), same), []);
        let google = r#"{"displayName": "google", "conditions":
            {"applications": {"includeAllApplications": true}}, "onAuthenticationMethodLoadStart":
            {"identityProviders": [{"id": "Google-OAUTH"}]}}"#;
        let google = crate::policy::UserFlow::from_json(google).unwrap();
        policy = policy.with_user_flows(vec![google]).unwrap();
        assert_eq!(decide(&policy, "google"), [Ineligibility::FlowWithoutPasswords]);
        let kiosk = r#"{"displayName": "kiosk", "onAuthenticationMethodLoadStart":
            {"identityProviders": [{"id": "EmailPassword-OAUTH"}]}}"#;
        let kiosk = crate::policy::UserFlow::from_json(kiosk).unwrap();
        policy = policy.with_user_flows(vec![kiosk]).unwrap();
        assert_eq!(decide(&policy, "kiosk"), [Ineligibility::FlowWithoutApplications]);

        let off = AuthenticationMethodsPolicy::from_email_json(r#"{"state": "disabled"}"#).unwrap();
        let off = TenantPolicy::customers("contoso").unwrap().with_authentication_methods(off);
        assert_eq!(
            reasons(&off, |_| {}),
            [Ineligibility::EmailOtpDisabled, Ineligibility::NotIncluded]
        );
    }

    #[test]
    fn an_explanation_says_what_would_change_it() {
        let policy = TenantPolicy::customers("contoso").unwrap();
        let explain = |change: &dyn Fn(&mut Account)| {
            let mut account = ada();
            change(&mut account);
            policy.explain(&UserFlowId::parse("sign-in").unwrap(), &account).to_string()
        };
        assert_eq!(explain(&|_| {}), "Password reset is available.");
        let locked = "Password reset is available, and unlocks the account.";
        assert_eq!(explain(&|ada| ada.locked = true), locked);
        let frozen = explain(&|ada| {
            let at = crate::domain::Timestamp::from_micros(1);
            ada.frozen = Some(crate::domain::Frozen::new(at, ada.addresses.clone()));
            ada.addresses.clear();
        });
        let lines: Vec<&str> = frozen.lines().collect();
        assert_eq!(lines[0], "Password reset is available.");
        assert!(lines[1].starts_with("The account is frozen: "), "{frozen}");
        let text = explain(&|ada| {
            ada.disabled = true;
            ada.password = None;
        });
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Password reset is not available:");
        assert_eq!(lines[1], "- the account is disabled; enable it first");
        assert_eq!(lines[2], "- the account has no password here, so there is none to reset");
        assert_eq!(lines.len(), 3);
    }
}
