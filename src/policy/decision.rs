//! Decides whether an account may reset its password, with every reason instead of only the first
//! one.

use core::fmt;

use super::{HostProofs, MethodState, RequiredProofs, SameMailbox, TenantPolicy};
use crate::domain::{Account, IdentityProvider, Method, SecondFactor, UserFlowId};

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
    /// An exclude target of Email OTP covers the account.
    Excluded,
    /// The user flow covers no application.
    FlowWithoutApplications,
    /// The user flow does not offer e-mail with password.
    FlowWithoutPasswords,
    /// The account is frozen, so its codes go only to its recovery addresses.
    Frozen,
    /// The account has no address on file.
    NoAddress,
    /// The account has no password in this service.
    NoPassword,
    /// The account has no phone on file.
    NoPhone,
    /// No include target of Email OTP covers the account.
    NotIncluded,
    /// The account does not sign in with e-mail and password.
    NotLocal,
    /// The tenant sends no text messages to the numbers on file.
    NumberNotServed,
    /// The account's only second factor is the mailbox to which the code would be sent.
    SecondFactorInSameMailbox,
    /// SMS is switched off.
    SmsDisabled,
    /// An exclude target of SMS covers the account.
    SmsExcluded,
    /// No include target of SMS covers the account.
    SmsNotIncluded,
    /// SMS is on, but the tenant serves no country or has switched Email OTP off.
    SmsNotOffered,
    /// The tenant requires two different proofs, and the account cannot give them.
    TooFewProofs,
    /// There is no such user flow.
    UnknownFlow,
}

/// A decision in words that help an administrator to act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explanation {
    decision: Decision,
    /// The decision about SMS, if the tenant has switched it on.
    by_sms: Option<Decision>,
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
            Self::Frozen => {
                "the account is frozen; its code goes by mail to its recovery addresses only"
            }
            Self::NoPassword => "the account has no password here, so there is none to reset",
            Self::NoPhone => "the account has no verified phone on file",
            Self::NotIncluded => {
                "no include target of Email OTP covers the account; include all users or a group"
            }
            Self::NotLocal => {
                "the account signs in with another identity provider, which keeps its password"
            }
            Self::NumberNotServed => {
                "the numbers on file are of no country that the tenant serves, or take no text \
                 messages"
            }
            Self::SmsDisabled => "SMS is disabled in the authentication methods policy",
            Self::SmsExcluded => "an exclude target of SMS covers the account; excludes always win",
            Self::SmsNotIncluded => {
                "no include target of SMS covers the account; include all users or a group"
            }
            Self::SmsNotOffered => {
                "SMS is offered only beside Email OTP, and to the countries that the tenant serves"
            }
            Self::SecondFactorInSameMailbox => {
                "its only second factor is the mailbox that the code would go to; add another \
                 factor, or allow it for the tenant"
            }
            Self::TooFewProofs => {
                "the tenant requires two different proofs, and the account can give only one; add a \
                 verified phone or another second factor to it"
            }
            Self::UnknownFlow => "there is no such user flow",
        }
    }
}

impl TenantPolicy {
    /// Decides whether an account may reset its password with a code by mail. Locked and frozen
    /// accounts may, because a reset is meant to unlock them.
    pub fn decide(&self, flow: &UserFlowId, account: &Account) -> Decision {
        self.decide_by(Method::Email, flow, account)
    }

    /// Decides whether an account may reset its password with a code that it gets in this way. If the
    /// tenant requires two proofs, the account must be able to give another one as well.
    pub fn decide_by(&self, method: Method, flow: &UserFlowId, account: &Account) -> Decision {
        self.decide_with(method, flow, account, || self.serves_any(account))
    }

    /// Does what [`TenantPolicy::decide_by`] does. The caller knows whether a phone is served, because
    /// finding out takes longer than everything else.
    pub(crate) fn decide_with(
        &self,
        method: Method,
        flow: &UserFlowId,
        account: &Account,
        is_served: impl FnOnce() -> bool,
    ) -> Decision {
        let mut decision = self.decide_one(method, flow, account, is_served);
        if decision.is_available() && !self.has_enough_proofs(method, flow, account) {
            decision.0.push(Ineligibility::TooFewProofs);
        }
        decision
    }

    fn has_enough_proofs(&self, first: Method, flow: &UserFlowId, account: &Account) -> bool {
        self.required_proofs() == RequiredProofs::One
            || self.allows_host_proof(account)
            || self.decide_alone(first.other(), flow, account).is_available()
    }

    /// Returns true if the account may use its own second factor as the second proof.
    #[must_use]
    pub fn allows_host_proof(&self, account: &Account) -> bool {
        self.host_proofs() == HostProofs::On && account.second_factor == SecondFactor::Independent
    }

    /// Decides about a code in this way without regard to a second proof.
    pub(crate) fn decide_alone(
        &self,
        method: Method,
        flow: &UserFlowId,
        account: &Account,
    ) -> Decision {
        self.decide_one(method, flow, account, || self.serves_any(account))
    }

    fn serves_any(&self, account: &Account) -> bool {
        account.phones.iter().any(|number| self.serves(number))
    }

    fn decide_one(
        &self,
        method: Method,
        flow: &UserFlowId,
        account: &Account,
        is_served: impl FnOnce() -> bool,
    ) -> Decision {
        let policy = self.authentication_methods().method(method);
        let user_flow = self.user_flow(flow);
        let local = account.identity_providers.contains(&IdentityProvider::EmailPassword);
        let is_off = policy.state() == MethodState::Disabled;
        let (is_excluded, is_left_out) = (policy.excludes(account), !policy.includes(account));
        let no_applications = user_flow.is_some_and(|flow| !flow.has_applications());
        let no_passwords = user_flow.is_some_and(|flow| !flow.has_passwords());
        let (of_method, of_account, further) = match method {
            Method::Email => {
                let same_mailbox = account.second_factor == SecondFactor::SameMailbox
                    && self.same_mailbox() == SameMailbox::NotEligible;
                (
                    [
                        (is_off, Ineligibility::EmailOtpDisabled),
                        (is_left_out, Ineligibility::NotIncluded),
                        (is_excluded, Ineligibility::Excluded),
                    ],
                    [
                        (account.destinations().is_empty(), Ineligibility::NoAddress),
                        (same_mailbox, Ineligibility::SecondFactorInSameMailbox),
                    ],
                    None,
                )
            }
            Method::Sms => {
                let is_offered = is_off || self.offers_method(method);
                let of_phones = if account.phones.is_empty() {
                    (true, Ineligibility::NoPhone)
                } else {
                    (!is_served(), Ineligibility::NumberNotServed)
                };
                (
                    [
                        (is_off, Ineligibility::SmsDisabled),
                        (is_left_out, Ineligibility::SmsNotIncluded),
                        (is_excluded, Ineligibility::SmsExcluded),
                    ],
                    [
                        (!is_offered, Ineligibility::SmsNotOffered),
                        (account.frozen.is_some(), Ineligibility::Frozen),
                    ],
                    Some(of_phones),
                )
            }
        };
        let of_flow = [
            (user_flow.is_none(), Ineligibility::UnknownFlow),
            (no_applications, Ineligibility::FlowWithoutApplications),
            (no_passwords, Ineligibility::FlowWithoutPasswords),
        ];
        let common = [
            (account.disabled, Ineligibility::Disabled),
            (!local, Ineligibility::NotLocal),
            (account.password.is_none(), Ineligibility::NoPassword),
        ];
        let checks = of_flow.into_iter().chain(of_method).chain(common).chain(of_account);
        let checks = checks.chain(further);
        Decision(checks.filter(|(fails, _)| *fails).map(|(_, reason)| reason).collect())
    }

    /// Explains the same decisions to administrators. No customer's request reaches this method.
    #[must_use]
    pub fn explain(&self, flow: &UserFlowId, account: &Account) -> Explanation {
        self.explain_where(flow, account, |_| true)
    }

    /// Does what [`TenantPolicy::explain`] does, in a service that can take the proofs after a first
    /// code by some methods only.
    pub(crate) fn explain_where(
        &self,
        flow: &UserFlowId,
        account: &Account,
        takes_proofs: impl Fn(Method) -> bool,
    ) -> Explanation {
        let sms = self.authentication_methods().method(Method::Sms);
        let is_on = sms.state() == MethodState::Enabled;
        let decide = |method| {
            let mut decision = self.decide_by(method, flow, account);
            if decision.is_available() && !takes_proofs(method) {
                decision.0.push(Ineligibility::TooFewProofs);
            }
            decision
        };
        Explanation {
            by_sms: is_on.then(|| decide(Method::Sms)),
            decision: decide(Method::Email),
            frozen: account.frozen.is_some(),
            locked: account.locked,
        }
    }
}

impl Explanation {
    /// Returns the decision about codes by mail.
    pub const fn decision(&self) -> &Decision {
        &self.decision
    }

    /// Returns the decision about codes by SMS, or `None` if the tenant has SMS switched off.
    #[must_use]
    pub const fn by_sms(&self) -> Option<&Decision> {
        self.by_sms.as_ref()
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
        match &self.by_sms {
            Some(sms) if sms.is_available() => f.write_str("\nA code by SMS is available.")?,
            Some(sms) => {
                f.write_str("\nA code by SMS is not available:")?;
                for reason in sms.reasons() {
                    write!(f, "\n- {}", reason.words())?;
                }
            }
            None => {}
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

    fn by_sms(policy: &TenantPolicy, change: impl FnOnce(&mut Account)) -> Vec<Ineligibility> {
        let mut account = ada();
        account.phones = vec![crate::domain::PhoneNumber::parse("+14255550123").unwrap()];
        change(&mut account);
        let flow = UserFlowId::parse("sign-in").unwrap();
        policy.decide_by(Method::Sms, &flow, &account).reasons().to_vec()
    }

    fn with_sms() -> TenantPolicy {
        let methods = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
        let policy = TenantPolicy::customers("contoso").unwrap();
        policy.with_authentication_methods(methods).with_sms_countries(["US"]).unwrap()
    }

    #[test]
    fn whatever_stands_against_a_code_by_sms_is_named() {
        use crate::domain::{Frozen, PhoneNumber, Timestamp};

        let policy = with_sms();
        let phone = |typed: &str| vec![PhoneNumber::parse(typed).unwrap()];
        assert_eq!(by_sms(&policy, |_| {}), []);
        assert_eq!(by_sms(&policy, |ada| ada.second_factor = SecondFactor::SameMailbox), []);
        assert_eq!(by_sms(&policy, |ada| ada.phones.clear()), [Ineligibility::NoPhone]);
        for elsewhere in ["+4915123456789", "+19002345678", "+999123456789"] {
            let reasons = by_sms(&policy, |ada| ada.phones = phone(elsewhere));
            assert_eq!(reasons, [Ineligibility::NumberNotServed], "{elsewhere}");
        }
        let frozen = |ada: &mut Account| {
            ada.frozen = Some(Frozen::new(Timestamp::from_micros(1), ada.addresses.clone()));
        };
        assert_eq!(by_sms(&policy, frozen), [Ineligibility::Frozen]);
        assert_eq!(by_sms(&policy, |ada| ada.disabled = true), [Ineligibility::Disabled]);

        let nowhere = policy.clone().with_sms_countries([]).unwrap();
        let reasons = by_sms(&nowhere, |_| {});
        assert_eq!(reasons, [Ineligibility::SmsNotOffered, Ineligibility::NumberNotServed]);
        let off = TenantPolicy::customers("contoso").unwrap().with_sms_countries(["US"]).unwrap();
        let reasons = by_sms(&off, |_| {});
        assert_eq!(reasons, [Ineligibility::SmsDisabled, Ineligibility::SmsNotIncluded]);
    }

    #[test]
    fn sms_has_targets_of_its_own_and_is_never_the_only_method() {
        let sms = r#"{"id": "Sms", "state": "enabled", "includeTargets": [{"id": "all_users"}],
            "excludeTargets": [{"id": "staff"}]}"#;
        let with = |email: &str| {
            let json = format!(
                r#"{{"authenticationMethodConfigurations": [{{"id": "Email", "state": "{email}",
                "includeTargets": [{{"id": "all_users"}}]}}, {sms}]}}"#
            );
            with_sms()
                .with_authentication_methods(AuthenticationMethodsPolicy::from_json(&json).unwrap())
        };
        let both = with("enabled");
        assert!(both.offers_method(Method::Sms) && both.offers_method(Method::Email));
        assert_eq!(by_sms(&both, staff), [Ineligibility::SmsExcluded]);
        assert_eq!(reasons(&both, staff), []);
        let alone = with("disabled");
        assert!(!alone.offers_method(Method::Sms) && !alone.offers_method(Method::Email));
        assert_eq!(by_sms(&alone, |_| {}), [Ineligibility::SmsNotOffered]);
    }

    #[test]
    fn an_explanation_speaks_of_sms_only_where_it_is_on() {
        let flow = UserFlowId::parse("sign-in").unwrap();
        let text = with_sms().explain(&flow, &ada()).to_string();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[0], "Password reset is available.");
        assert_eq!(lines[1], "A code by SMS is not available:");
        assert_eq!(lines[2], "- the account has no verified phone on file");
        let mut ada = ada();
        ada.phones = vec![crate::domain::PhoneNumber::parse("+14255550123").unwrap()];
        let text = with_sms().explain(&flow, &ada).to_string();
        assert!(text.ends_with("\nA code by SMS is available."), "{text}");
    }
}
