//! The whole policy of one tenant.

use super::{
    AuthenticationMethodsPolicy, Brand, DocumentError, Limits, PasswordRules, UserFlow,
    graph::fault,
};
use crate::domain::{
    Account, Application, ApplicationId, Destination, DotRules, EmailAddress, LanguageTag, Method,
    PhoneNumber, TenantId, UserFlowId,
};

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
    freeze_codes: FreezeCodes,
    required_proofs: RequiredProofs,
    host_proofs: HostProofs,
    languages: Vec<LanguageTag>,
    sms_countries: Vec<String>,
}

/// How much an outsider may learn about accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum Disclosure {
    /// Outsiders learn nothing: known and unknown addresses get the same answers.
    #[default]
    Strict,
    /// Outsiders learn whether an address has an account, as in Entra's API (`user_not_found`).
    ///
    /// A reset reveals which addresses have an account that may reset. A sign-in through the native
    /// API reveals which addresses have an account that can sign in with a password. An attacker
    /// can therefore list a tenant's customers.
    /// [`Limits::opens_per_network`](super::Limits::opens_per_network) limits how fast each network
    /// can ask.
    EntraCompatible,
}

/// Whether an account may reset if its only second factor is the mailbox that receives codes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum SameMailbox {
    /// The account may not reset, because one mailbox would be both factors.
    #[default]
    NotEligible,
    /// The account may reset.
    Eligible,
}

/// The step that follows a finished reset.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum AfterReset {
    /// The user is signed in, as in Entra.
    #[default]
    SignIn,
    /// The user signs in with the new password (OWASP Forgot Password cheat sheet).
    RequireSignIn,
}

/// Whether an account that signs in another way is told so by mail to its address on file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum NoPasswordNotice {
    /// No mail is sent.
    #[default]
    Off,
    /// A mail without a code is sent.
    On,
}

/// Whether the notice of a changed password carries a code that freezes the account.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum FreezeCodes {
    /// Notices carry no code, and no code freezes an account.
    #[default]
    Off,
    /// Each notice carries a code of 16 letters. For three days, anyone who types the code freezes
    /// the account.
    On,
}

/// How many different proofs a reset needs.
///
/// A proof is a code by mail, a code by SMS, or one that the host checks itself
/// ([`HostProofs`]). Two codes in the same way are one proof.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: the machine knows one first proof.
pub enum RequiredProofs {
    /// One code, as in Entra External ID.
    #[default]
    One,
    /// A code, and another proof after it. An attacker who has only the mailbox or only the phone
    /// of a user does not get the account. An account that cannot give two proofs cannot reset.
    Two,
}

/// Whether the second proof may be one that the host checks, such as a code of an authenticator app.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
// Exhaustive: there is no third way.
pub enum HostProofs {
    /// Only codes are proofs.
    #[default]
    Off,
    /// An account whose second factor is
    /// [`SecondFactor::Independent`](crate::domain::SecondFactor) may use that factor as its second
    /// proof, where the service has a [`HostProofCheck`](crate::ports::HostProofCheck).
    On,
}

impl TenantPolicy {
    /// Creates a tenant with the settings that Entra External ID gives to customers.
    ///
    /// Email OTP is on for all users. The user flow `sign-in` covers all applications with e-mail
    /// and password. The password rules are NIST's.
    ///
    /// # Errors
    /// [`DocumentError`] if the name is not valid as a tenant and a brand.
    ///
    /// # Examples
    /// ```
    /// use sspr::TenantPolicy;
    ///
    /// let policy = TenantPolicy::customers("contoso")?;
    /// assert!(TenantPolicy::customers("").is_err());
    /// # Ok::<(), sspr::policy::DocumentError>(())
    /// ```
    pub fn customers(tenant: &str) -> Result<Self, DocumentError> {
        let id = TenantId::parse(tenant).map_err(|error| fault("$.tenant", error.to_string()))?;
        Self::with_one_flow(id, Application::USUAL_FLOW)
    }

    /// Creates a policy for an application. Email OTP is on for all users, and the user flow of
    /// this application has e-mail and password.
    ///
    /// # Errors
    /// [`DocumentError`] if the name of the tenant is not valid as a brand.
    ///
    /// # Examples
    /// ```
    /// use sspr::{Application, TenantPolicy};
    ///
    /// let shop = Application::new("contoso", "sign-in", "shop")?;
    /// let policy = TenantPolicy::for_application(&shop)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn for_application(application: &Application) -> Result<Self, DocumentError> {
        Self::with_one_flow(application.tenant.clone(), application.user_flow.as_str())
    }

    fn with_one_flow(tenant: TenantId, flow: &str) -> Result<Self, DocumentError> {
        let flow = UserFlow::email_with_password(flow)
            .map_err(|error| fault("$.userFlows", error.to_string()))?;
        Self::new(tenant, vec![flow], AuthenticationMethodsPolicy::email_for_all())
    }

    /// Creates a tenant with these user flows and authentication methods, and defaults for the
    /// rest.
    ///
    /// # Errors
    /// [`DocumentError`] if two flows have the same id, or if the tenant's name is not valid as a
    /// brand.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::{AuthenticationMethodsPolicy, TenantPolicy, UserFlow};
    ///
    /// let flow = UserFlow::email_with_password("sign-in")?;
    /// let methods = AuthenticationMethodsPolicy::email_for_all();
    /// let policy = TenantPolicy::new("contoso".parse()?, vec![flow], methods)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
            freeze_codes: FreezeCodes::default(),
            host_proofs: HostProofs::default(),
            languages: ["en", "de", "fr", "es", "ar"]
                .into_iter()
                .filter_map(|tag| LanguageTag::parse(tag).ok())
                .collect(),
            limits: Limits::default(),
            no_password_notice: NoPasswordNotice::default(),
            password_rules: PasswordRules::nist(),
            required_proofs: RequiredProofs::default(),
            same_mailbox: SameMailbox::default(),
            sms_countries: Vec::new(),
            tenant,
            user_flows: Vec::new(),
        };
        policy.with_user_flows(user_flows)
    }

    /// Returns whether a user flow offers password reset in an application at all. The result does
    /// not depend on any account.
    #[must_use]
    pub fn offers_reset(&self, flow: &UserFlowId, application: &ApplicationId) -> bool {
        self.authentication_methods.method(Method::Email).is_offered()
            && self.offers_password_sign_in(flow, application)
    }

    /// Returns whether codes can be sent in this way at all, where a reset is offered. The result
    /// does not depend on any account.
    ///
    /// SMS is offered if it is switched on, includes somebody, and the tenant serves a country. It is
    /// never the only method, because NIST SP 800-63B-4 wants an alternative to it.
    #[must_use]
    pub fn offers_method(&self, method: Method) -> bool {
        self.authentication_methods.method(Method::Email).is_offered()
            && match method {
                Method::Email => true,
                Method::Sms => {
                    self.authentication_methods.method(Method::Sms).is_offered()
                        && !self.sms_countries.is_empty()
                }
            }
    }

    /// Returns whether text messages may go to this number: its country is served, and its numbering
    /// plan does not say that it takes none.
    #[must_use]
    pub fn serves(&self, number: &PhoneNumber) -> bool {
        let is_served = |country| self.sms_countries.iter().any(|served| served == country);
        number.country().is_some_and(is_served) && number.takes_texts()
    }

    /// Returns where a code for this account goes, or `None` if the account has no such place.
    ///
    /// A mail goes to the first address on file, whatever was typed. A text message goes to the first
    /// phone on file that the tenant serves. The codes of a frozen account are mailed to a recovery
    /// address only.
    #[must_use]
    pub fn destination<'a>(
        &self,
        method: Method,
        account: &'a Account,
        typed: &EmailAddress,
    ) -> Option<Destination<'a>> {
        match method {
            Method::Email => account.destination(typed).map(Destination::Email),
            Method::Sms => self.phones(account).next().map(Destination::Phone),
        }
    }

    /// Returns the phones of an account that text messages may go to.
    pub(crate) fn phones<'a>(&self, account: &'a Account) -> impl Iterator<Item = &'a PhoneNumber> {
        let phones = if account.frozen.is_some() { &[][..] } else { &account.phones };
        phones.iter().filter(|number| self.serves(number))
    }

    /// Returns whether users sign in to an application with a password that the host keeps. The
    /// result does not depend on any account.
    #[must_use]
    pub fn offers_password_sign_in(&self, flow: &UserFlowId, application: &ApplicationId) -> bool {
        self.user_flow(flow).is_some_and(|flow| flow.covers(application) && flow.has_passwords())
    }

    /// Returns the user flow of that id.
    #[must_use]
    pub fn user_flow(&self, id: &UserFlowId) -> Option<&UserFlow> {
        self.user_flows.iter().find(|flow| flow.id() == id)
    }

    /// Replaces the user flows.
    ///
    /// # Errors
    /// [`DocumentError`] if two flows have the same id.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::{TenantPolicy, UserFlow};
    ///
    /// let flows = ["sign-in", "sign-in"].map(UserFlow::email_with_password);
    /// let flows = flows.into_iter().collect::<Result<Vec<_>, _>>()?;
    /// let policy = TenantPolicy::customers("contoso")?;
    /// assert!(policy.with_user_flows(flows).is_err(), "two flows of one id");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
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
    /// The authentication methods and the accounts that may use them.
    authentication_methods, with_authentication_methods, AuthenticationMethodsPolicy
);
setting!(
    /// The rules for new passwords.
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
    /// The domains whose mailboxes ignore dots. Only limits use them.
    dot_rules, with_dot_rules, DotRules
);
setting!(
    /// How much an outsider may learn about accounts.
    copy disclosure, with_disclosure, Disclosure
);
setting!(
    /// Whether an account may reset if its only second factor is the mailbox that receives codes.
    copy same_mailbox, with_same_mailbox, SameMailbox
);
setting!(
    /// The step that follows a finished reset.
    copy after_reset, with_after_reset, AfterReset
);
setting!(
    /// Whether an account that signs in another way is told so by mail.
    copy no_password_notice, with_no_password_notice, NoPasswordNotice
);
setting!(
    /// Whether the notice of a changed password carries a code that freezes the account.
    copy freeze_codes, with_freeze_codes, FreezeCodes
);
setting!(
    /// How many different proofs a reset needs. Default: [`RequiredProofs::One`].
    copy required_proofs, with_required_proofs, RequiredProofs
);
setting!(
    /// Whether the second proof may be one that the host checks. Default: [`HostProofs::Off`].
    copy host_proofs, with_host_proofs, HostProofs
);

impl TenantPolicy {
    /// Returns the id of the tenant.
    #[must_use]
    pub const fn tenant(&self) -> &TenantId {
        &self.tenant
    }

    /// Returns the user flows.
    #[must_use]
    pub fn user_flows(&self) -> &[UserFlow] {
        &self.user_flows
    }

    /// Returns the languages of mails and pages, with the fallback first. Languages without words
    /// are not used. If no listed language has words, English is used.
    #[must_use]
    pub fn languages(&self) -> &[LanguageTag] {
        &self.languages
    }

    /// Returns the countries that text messages go to, as two letters of ISO 3166.
    #[must_use]
    pub fn sms_countries(&self) -> &[String] {
        &self.sms_countries
    }

    /// Returns the English names of these countries.
    #[cfg(feature = "axum")]
    pub(crate) fn sms_country_names(&self) -> impl Iterator<Item = &'static str> {
        let found = self.sms_countries.iter().filter_map(|code| phonelib::country_by_code(code));
        found.map(|country| country.name)
    }

    /// Sets the countries that text messages go to. Without any, SMS is not offered.
    ///
    /// # Errors
    /// [`DocumentError`] names the first text that is not a country with a numbering plan.
    ///
    /// # Security
    /// Name only countries in which you have customers. Fraudsters earn from texts to expensive
    /// countries.
    ///
    /// # Examples
    /// ```
    /// use sspr::TenantPolicy;
    ///
    /// let policy = TenantPolicy::customers("contoso")?.with_sms_countries(["US", "CA"])?;
    /// assert!(policy.with_sms_countries(["USA"]).is_err());
    /// # Ok::<(), sspr::policy::DocumentError>(())
    /// ```
    pub fn with_sms_countries<'a>(
        mut self,
        countries: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, DocumentError> {
        let read = |(index, name): (usize, &str)| {
            let code = name.to_ascii_uppercase();
            let is_country = code.len() == 2 && phonelib::country_by_code(&code).is_some();
            let path = format!("$.smsCountries[{index}]");
            let rule = "must be a country, as two letters of ISO 3166";
            if is_country { Ok(code) } else { Err(fault(&path, rule)) }
        };
        self.sms_countries =
            countries.into_iter().enumerate().map(read).collect::<Result<_, _>>()?;
        Ok(self)
    }

    /// Sets the languages of mails and pages.
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
