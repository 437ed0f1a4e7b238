//! One tenant's policy, whole.

use super::{
    AuthenticationMethodsPolicy, Brand, DocumentError, Limits, MethodState, PasswordRules,
    UserFlow, graph::fault,
};
use crate::domain::{Application, ApplicationId, DotRules, LanguageTag, TenantId, UserFlowId};

/// Everything that one tenant's administrator decides.
#[derive(Clone, Debug, PartialEq)]
pub struct TenantPolicy {
    tenant: TenantId,
    user_flows: Vec<UserFlow>,
    authentication_methods: AuthenticationMethodsPolicy,
    password_rules: PasswordRules,
    limits: Limits,
    brand: Brand,
    dot_rules: DotRules,
    disclosure: Disclosure,
    same_mailbox: SameMailbox,
    after_reset: AfterReset,
    no_password_notice: NoPasswordNotice,
    languages: Vec<LanguageTag>,
}

/// What a stranger may learn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum Disclosure {
    /// Nothing: known and unknown addresses are answered alike.
    #[default]
    Strict,
    /// Whether an address has an account, as Entra's API tells (`user_not_found`). A reset tells
    /// which addresses have an account that may reset, and a sign-in through the native API which
    /// have one that can sign in with a password. Anybody can then list a tenant's customers, as
    /// fast as [`Limits::opens_per_network`](super::Limits::opens_per_network) lets
    /// each network ask.
    EntraCompatible,
}

/// What an account counts for whose only second factor is the mailbox that codes go to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum SameMailbox {
    /// It may not reset: one mailbox would be both factors.
    #[default]
    NotEligible,
    /// It may.
    Eligible,
}

/// What a finished reset leads to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum AfterReset {
    /// The person is signed in, as Entra does.
    #[default]
    SignIn,
    /// The person signs in with the new password (OWASP Forgot Password cheat sheet).
    RequireSignIn,
}

/// Whether an account that signs in another way is told so, at its address on file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum NoPasswordNotice {
    /// No mail.
    #[default]
    Off,
    /// A mail without a code.
    On,
}

impl TenantPolicy {
    /// A tenant as Entra External ID sets customers up: Email OTP for all users, one user flow
    /// `sign-in` for all applications with e-mail and password; the rules of NIST.
    ///
    /// # Errors
    /// [`DocumentError`] if the name is not usable as a tenant and a brand.
    pub fn customers(tenant: &str) -> Result<Self, DocumentError> {
        let id = TenantId::parse(tenant).map_err(|error| fault("$.tenant", error.to_string()))?;
        Self::with_one_flow(id, Application::USUAL_FLOW)
    }

    /// A policy for an application: Email OTP for all users, and the user flow of this application
    /// with e-mail and password.
    ///
    /// # Errors
    /// [`DocumentError`] if the name of the tenant is not usable as a brand.
    pub fn for_application(application: &Application) -> Result<Self, DocumentError> {
        Self::with_one_flow(application.tenant.clone(), application.user_flow.as_str())
    }

    fn with_one_flow(tenant: TenantId, flow: &str) -> Result<Self, DocumentError> {
        let flow = UserFlow::email_with_password(flow)
            .map_err(|error| fault("$.userFlows", error.to_string()))?;
        Self::new(tenant, vec![flow], AuthenticationMethodsPolicy::email_for_all())
    }

    /// A tenant with these user flows and authentication methods, and defaults for the rest.
    ///
    /// # Errors
    /// [`DocumentError`] if two flows have one id, or the tenant's name cannot be its brand.
    pub fn new(
        tenant: TenantId,
        user_flows: Vec<UserFlow>,
        authentication_methods: AuthenticationMethodsPolicy,
    ) -> Result<Self, DocumentError> {
        let name: String = tenant.as_str().chars().take(64).collect();
        let brand = Brand::new(name.trim());
        let policy = Self {
            after_reset: AfterReset::default(),
            authentication_methods,
            brand: brand.map_err(|error| fault("$.brand", error.to_string()))?,
            disclosure: Disclosure::default(),
            dot_rules: DotRules::default(),
            languages: ["en", "de", "fr", "es", "ar"]
                .into_iter()
                .filter_map(|tag| LanguageTag::parse(tag).ok())
                .collect(),
            limits: Limits::default(),
            no_password_notice: NoPasswordNotice::default(),
            password_rules: PasswordRules::nist(),
            same_mailbox: SameMailbox::default(),
            tenant,
            user_flows: Vec::new(),
        };
        policy.with_user_flows(user_flows)
    }

    /// Whether a user flow offers password reset in an application at all. Depends on no account.
    #[must_use]
    pub fn offers_reset(&self, flow: &UserFlowId, application: &ApplicationId) -> bool {
        let methods = &self.authentication_methods;
        methods.state() == MethodState::Enabled
            && !methods.include().is_empty()
            && self
                .user_flow(flow)
                .is_some_and(|flow| flow.covers(application) && flow.has_passwords())
    }

    /// The user flow of that id.
    #[must_use]
    pub fn user_flow(&self, id: &UserFlowId) -> Option<&UserFlow> {
        self.user_flows.iter().find(|flow| flow.id() == id)
    }

    /// Replaces the user flows.
    ///
    /// # Errors
    /// [`DocumentError`] if two have one id.
    pub fn with_user_flows(mut self, flows: Vec<UserFlow>) -> Result<Self, DocumentError> {
        for (index, flow) in flows.iter().enumerate() {
            if flows.iter().take(index).any(|other| other.id() == flow.id()) {
                let path = format!("$.userFlows[{index}].id");
                return Err(fault(&path, "another user flow has this id"));
            }
        }
        self.user_flows = flows;
        Ok(self)
    }
}

macro_rules! setting {
    ($(#[$doc:meta])* $name:ident, $with:ident, $kind:ty) => {
        impl TenantPolicy {
            $(#[$doc])*
            #[must_use]
            pub const fn $name(&self) -> &$kind {
                &self.$name
            }

            #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), ").")]
            #[must_use]
            pub fn $with(mut self, value: $kind) -> Self {
                self.$name = value;
                self
            }
        }
    };
    ($(#[$doc:meta])* copy $name:ident, $with:ident, $kind:ty) => {
        impl TenantPolicy {
            $(#[$doc])*
            #[must_use]
            pub const fn $name(&self) -> $kind {
                self.$name
            }

            #[doc = concat!("Sets [`", stringify!($name), "`](Self::", stringify!($name), ").")]
            #[must_use]
            pub const fn $with(mut self, value: $kind) -> Self {
                self.$name = value;
                self
            }
        }
    };
}

setting!(
    /// Which authentication methods whom may use.
    authentication_methods, with_authentication_methods, AuthenticationMethodsPolicy
);
setting!(
    /// What a new password must be like.
    password_rules, with_password_rules, PasswordRules
);
setting!(
    /// The guess budget and the lifetimes.
    limits, with_limits, Limits
);
setting!(
    /// The name and the sender that customers see.
    brand, with_brand, Brand
);
setting!(
    /// The domains whose mailboxes ignore dots, for limits only.
    dot_rules, with_dot_rules, DotRules
);
setting!(
    /// What a stranger may learn.
    copy disclosure, with_disclosure, Disclosure
);
setting!(
    /// What an account counts for whose only second factor is the mailbox that codes go to.
    copy same_mailbox, with_same_mailbox, SameMailbox
);
setting!(
    /// What a finished reset leads to.
    copy after_reset, with_after_reset, AfterReset
);
setting!(
    /// Whether an account that signs in another way is told so by mail.
    copy no_password_notice, with_no_password_notice, NoPasswordNotice
);

impl TenantPolicy {
    /// The tenant.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// The user flows.
    #[must_use]
    pub fn user_flows(&self) -> &[UserFlow] {
        &self.user_flows
    }

    /// The languages that mails and pages are offered in; the first is the fallback. Those that
    /// there are no words for do not count; if there are words for none, English is used.
    #[must_use]
    pub fn languages(&self) -> &[LanguageTag] {
        &self.languages
    }

    /// Sets the languages that mails and pages are offered in.
    #[must_use]
    pub fn with_languages(mut self, languages: Vec<LanguageTag>) -> Self {
        self.languages = languages;
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reset_is_offered_where_the_method_is_for_somebody_and_the_flow_has_passwords() {
        let customers = TenantPolicy::customers("contoso").unwrap();
        let shop = ApplicationId::parse("shop").unwrap();
        let offers = |policy: &TenantPolicy, flow: &str| {
            policy.offers_reset(&UserFlowId::parse(flow).unwrap(), &shop)
        };
        assert!(offers(&customers, "sign-in") && !offers(&customers, "other"));
        let methods = |json| AuthenticationMethodsPolicy::from_email_json(json).unwrap();
        let with = |json| customers.clone().with_authentication_methods(methods(json));
        assert!(!offers(&with(r#"{"state": "enabled"}"#), "sign-in"), "nobody is included");
        let off = r#"{"state": "disabled", "includeTargets": [{"id": "all_users"}]}"#;
        assert!(!offers(&with(off), "sign-in"));
        let providers = |id: &str| {
            let json = format!(
                r#"{{"displayName": "f", "conditions": {{"applications": {{"includeAllApplications": true}}}},
                "onAuthenticationMethodLoadStart": {{"identityProviders": [{{"id": "{id}"}}]}}}}"#
            );
            customers.clone().with_user_flows(vec![UserFlow::from_json(&json).unwrap()]).unwrap()
        };
        assert!(offers(&providers("EmailPassword-OAUTH"), "f"));
        assert!(!offers(&providers("Google-OAUTH"), "f"));
        let nowhere = UserFlow::from_json(
            r#"{"displayName": "f", "onAuthenticationMethodLoadStart":
                {"identityProviders": [{"id": "EmailPassword-OAUTH"}]}}"#,
        );
        let nowhere = customers.clone().with_user_flows(vec![nowhere.unwrap()]).unwrap();
        assert!(!offers(&nowhere, "f"), "in no application");
    }

    #[test]
    fn a_long_name_is_cut_for_its_brand() {
        let name = format!("{} {}", "a".repeat(63), "b".repeat(60));
        let policy = TenantPolicy::customers(&name).unwrap();
        assert_eq!(policy.brand().name(), "a".repeat(63));
        assert_eq!(TenantPolicy::customers("").unwrap_err().path, "$.tenant");
    }
}
