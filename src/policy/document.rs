//! One tenant as one JSON document: Graph's own shapes inside, our settings beside them.

use core::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    AfterReset, AuthenticationMethodsPolicy, Brand, CodeInSubject, CurrentPassword, Disclosure,
    DocumentError, Limits, NoPasswordNotice, Numbers, PasswordRules, SameMailbox, TenantPolicy,
    UserFlow, graph::Node, json::parse_json,
};
use crate::domain::{DotRules, EmailAddress, LanguageTag, TenantId};

const FIELDS: [&str; 12] = [
    "tenant",
    "userFlows",
    "authenticationMethodsPolicy",
    "passwordRules",
    "limits",
    "brand",
    "dotRules",
    "disclosure",
    "sameMailbox",
    "afterReset",
    "noPasswordNotice",
    "languages",
];

impl TenantPolicy {
    /// Reads a whole tenant:
    ///
    /// ```json
    /// {"tenant": "contoso",
    ///  "userFlows": [ Graph's externalUsersSelfServiceSignUpEventsFlow … ],
    ///  "authenticationMethodsPolicy": Graph's authenticationMethodsPolicy,
    ///  "passwordRules": {"rules": "nist" or "entra", "minLength": 15, "terms": [],
    ///                    "currentPassword": "refused" or "allowed"},
    ///  "limits": {"triesPerWindow": 15, "codeLifetimeSeconds": 600, …},
    ///  "brand": {"name": "Contoso", "origin": "login.contoso.com", "sender": "no-reply@contoso.com",
    ///            "codeInSubject": "hidden" or "shown"},
    ///  "dotRules": ["gmail.com"], "disclosure": "strict" or "entraCompatible",
    ///  "sameMailbox": "notEligible" or "eligible", "afterReset": "signIn" or "requireSignIn",
    ///  "noPasswordNotice": "off" or "on", "languages": ["en", "de"]}
    /// ```
    /// Everything but the first three may be missing.
    ///
    /// # Errors
    /// [`DocumentError`] names the JSON path and the rule. A setting that is not known is an
    /// error: a misspelt rule must not be silently absent.
    pub fn from_json(json: &str) -> Result<Self, DocumentError> {
        let value = parse_json(json)?;
        let root = Node::root(&value);
        known(&root, &FIELDS)?;
        let tenant = root.required("tenant")?.read(TenantId::parse)?;
        let flows = root.required("userFlows")?.items()?;
        let flows = flows.iter().map(UserFlow::read).collect::<Result<_, _>>()?;
        let methods =
            AuthenticationMethodsPolicy::read(&root.required("authenticationMethodsPolicy")?)?;
        let mut policy = Self::new(tenant, flows, methods)?;
        if let Some(node) = root.field("passwordRules")? {
            policy = policy.with_password_rules(read_rules(&node)?);
        }
        if let Some(node) = root.field("limits")? {
            policy = policy.with_limits(read_limits(&node)?);
        }
        if let Some(node) = root.field("brand")? {
            policy = policy.with_brand(read_brand(&node)?);
        }
        if let Some(node) = root.field("dotRules")? {
            let items = node.items()?;
            let domains = items.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?;
            policy = policy.with_dot_rules(DotRules::new(domains));
        }
        if let Some(node) = root.field("languages")? {
            let tags = node.items()?;
            let tags = tags.iter().map(|tag| tag.read(LanguageTag::parse));
            policy = policy.with_languages(tags.collect::<Result<_, _>>()?);
        }
        if let Some(node) = root.field("disclosure")? {
            let words =
                [("strict", Disclosure::Strict), ("entraCompatible", Disclosure::EntraCompatible)];
            policy = policy.with_disclosure(node.word(&words)?);
        }
        if let Some(node) = root.field("sameMailbox")? {
            let words =
                [("notEligible", SameMailbox::NotEligible), ("eligible", SameMailbox::Eligible)];
            policy = policy.with_same_mailbox(node.word(&words)?);
        }
        if let Some(node) = root.field("afterReset")? {
            let words =
                [("signIn", AfterReset::SignIn), ("requireSignIn", AfterReset::RequireSignIn)];
            policy = policy.with_after_reset(node.word(&words)?);
        }
        if let Some(node) = root.field("noPasswordNotice")? {
            let words = [("off", NoPasswordNotice::Off), ("on", NoPasswordNotice::On)];
            policy = policy.with_no_password_notice(node.word(&words)?);
        }
        Ok(policy)
    }

    /// Writes the whole tenant, as [`TenantPolicy::from_json`] reads it.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let rules = self.password_rules();
        let flows: Vec<&Value> = self.user_flows().iter().map(UserFlow::document).collect();
        let tags: Vec<&str> = self.languages().iter().map(LanguageTag::as_str).collect();
        let dots: Vec<&str> = self.dot_rules().domains().collect();
        json!({
            "tenant": self.tenant().as_str(),
            "userFlows": flows,
            "authenticationMethodsPolicy": self.authentication_methods().document(),
            "passwordRules": {
                "rules": if rules.is_entra() { "entra" } else { "nist" },
                "minLength": rules.min_length(),
                "terms": rules.terms(),
                "currentPassword": if rules.refuses_current() { "refused" } else { "allowed" },
            },
            "limits": write_limits(self.limits().numbers()),
            "brand": {
                "name": self.brand().name(),
                "origin": self.brand().origin(),
                "sender": self.brand().sender().map(EmailAddress::as_str),
                "codeInSubject": match self.brand().code_in_subject() {
                    CodeInSubject::Hidden => "hidden",
                    CodeInSubject::Shown => "shown",
                },
            },
            "dotRules": dots,
            "languages": tags,
            "disclosure": match self.disclosure() {
                Disclosure::Strict => "strict",
                Disclosure::EntraCompatible => "entraCompatible",
            },
            "sameMailbox": match self.same_mailbox() {
                SameMailbox::NotEligible => "notEligible",
                SameMailbox::Eligible => "eligible",
            },
            "afterReset": match self.after_reset() {
                AfterReset::SignIn => "signIn",
                AfterReset::RequireSignIn => "requireSignIn",
            },
            "noPasswordNotice": match self.no_password_notice() {
                NoPasswordNotice::Off => "off",
                NoPasswordNotice::On => "on",
            },
        })
    }
}

fn known(node: &Node<'_>, fields: &[&str]) -> Result<(), DocumentError> {
    let unknown = node.object()?.keys().find(|key| !fields.contains(&key.as_str()));
    match unknown {
        Some(_) => Err(node.fault(format!("only these are known: {}", fields.join(", ")))),
        None => Ok(()),
    }
}

fn read_rules(node: &Node<'_>) -> Result<PasswordRules, DocumentError> {
    known(node, &["rules", "minLength", "terms", "currentPassword"])?;
    let entra = node.required("rules")?.word(&[("nist", false), ("entra", true)])?;
    let mut rules = if entra { PasswordRules::entra() } else { PasswordRules::nist() };
    if let Some(length) = node.field("minLength")? {
        let characters = usize::try_from(length.number()?).unwrap_or(usize::MAX);
        rules = rules.with_min_length(characters).map_err(|e| length.fault(e.to_string()))?;
    }
    if let Some(terms) = node.field("terms")? {
        let items = terms.items()?;
        let words = items.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?;
        rules = rules.with_terms(words).map_err(|e| terms.fault(e.to_string()))?;
    }
    if let Some(current) = node.field("currentPassword")? {
        let words = [("refused", CurrentPassword::Refused), ("allowed", CurrentPassword::Allowed)];
        rules = rules.with_current_refused(current.word(&words)?);
    }
    Ok(rules)
}

fn read_brand(node: &Node<'_>) -> Result<Brand, DocumentError> {
    known(node, &["name", "origin", "sender", "codeInSubject"])?;
    let mut brand = node.required("name")?.read(Brand::new)?;
    if let Some(origin) = node.field("origin")? {
        brand = origin.read(|host| brand.with_origin(host))?;
    }
    if let Some(sender) = node.field("sender")? {
        brand = brand.with_sender(sender.read(EmailAddress::parse)?);
    }
    if let Some(choice) = node.field("codeInSubject")? {
        let words = [("hidden", CodeInSubject::Hidden), ("shown", CodeInSubject::Shown)];
        brand = brand.with_code_in_subject(choice.word(&words)?);
    }
    Ok(brand)
}

/// The counts of [`Numbers`] under their JSON names.
fn counts(numbers: &mut Numbers) -> [(&'static str, &mut u32); 17] {
    [
        ("triesPerChallenge", &mut numbers.tries_per_challenge),
        ("triesPerWindow", &mut numbers.tries_per_window),
        ("triesPerStreak", &mut numbers.tries_per_streak),
        ("sendsPerAddressAndNetwork", &mut numbers.sends_per_address_and_network),
        ("sendsPerAddress", &mut numbers.sends_per_address),
        ("sendsPerNetwork", &mut numbers.sends_per_network),
        ("opensPerNetwork", &mut numbers.opens_per_network),
        ("networkTries", &mut numbers.network_tries),
        ("subscriberNetworkFactor", &mut numbers.subscriber_network_factor),
        ("wideNetworkFactor", &mut numbers.wide_network_factor),
        ("sendsPerDevice", &mut numbers.sends_per_device),
        ("sendsPerVouch", &mut numbers.sends_per_vouch),
        ("sendsPerAccount", &mut numbers.sends_per_account),
        ("trustedSendsPerAccount", &mut numbers.trusted_sends_per_account),
        ("submitsPerGrant", &mut numbers.submits_per_grant),
        ("tenantTries", &mut numbers.tenant_tries),
        ("lockoutThreshold", &mut numbers.lockout_threshold),
    ]
}

/// The durations of [`Numbers`] under their JSON names.
fn durations(numbers: &mut Numbers) -> [(&'static str, &mut Duration); 12] {
    [
        ("codeLifetimeSeconds", &mut numbers.code_lifetime),
        ("resetLifetimeSeconds", &mut numbers.reset_lifetime),
        ("grantLifetimeSeconds", &mut numbers.grant_lifetime),
        ("ticketLifetimeSeconds", &mut numbers.ticket_lifetime),
        ("triesWindowSeconds", &mut numbers.tries_window),
        ("streakWindowSeconds", &mut numbers.streak_window),
        ("resendCooldownSeconds", &mut numbers.resend_cooldown),
        ("sendsWindowSeconds", &mut numbers.sends_window),
        ("networkWindowSeconds", &mut numbers.network_window),
        ("lockoutFirstSeconds", &mut numbers.lockout_first),
        ("lockoutLongestSeconds", &mut numbers.lockout_longest),
        ("lockoutMemorySeconds", &mut numbers.lockout_memory),
    ]
}

fn read_limits(node: &Node<'_>) -> Result<Limits, DocumentError> {
    let mut numbers = Numbers::default();
    let mut names: Vec<&str> = counts(&mut numbers).iter().map(|(name, _)| *name).collect();
    names.extend(durations(&mut numbers).iter().map(|(name, _)| *name));
    known(node, &names)?;
    for (name, slot) in counts(&mut numbers) {
        if let Some(field) = node.field(name)? {
            let number = u32::try_from(field.number()?);
            *slot = number.map_err(|_| field.fault("must be below 2^32"))?;
        }
    }
    for (name, slot) in durations(&mut numbers) {
        if let Some(field) = node.field(name)? {
            *slot = Duration::from_secs(field.number()?);
        }
    }
    Limits::new(numbers).map_err(|error| node.fault(error.to_string()))
}

fn write_limits(numbers: &Numbers) -> Value {
    let mut numbers = *numbers;
    let mut fields = Map::new();
    for (name, count) in counts(&mut numbers) {
        fields.insert(name.to_owned(), json!(*count));
    }
    for (name, duration) in durations(&mut numbers) {
        fields.insert(name.to_owned(), json!(duration.as_secs()));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenant_round_trips() {
        let policy = TenantPolicy::customers("contoso").unwrap();
        let written = policy.to_json();

        let read = TenantPolicy::from_json(&written.to_string()).unwrap();

        assert_eq!(read.to_json(), written);
    }

    #[test]
    fn a_misspelt_or_bad_setting_is_named_with_its_path() {
        let base = TenantPolicy::customers("contoso").unwrap().to_json();
        let error = |change: &dyn Fn(&mut Value)| {
            let mut value = base.clone();
            change(&mut value);
            TenantPolicy::from_json(&value.to_string()).unwrap_err()
        };
        assert_eq!(error(&|v| v["limtis"] = json!({})).path, "$");
        assert_eq!(error(&|v| v["limits"]["triesPerWindow"] = json!(60)).path, "$.limits");
        assert_eq!(
            error(&|v| v["limits"]["codeLifetimeSeconds"] = json!("x")).path,
            "$.limits.codeLifetimeSeconds"
        );
        assert_eq!(error(&|v| v["brand"]["origin"] = json!("a b")).path, "$.brand.origin");
        assert_eq!(
            error(&|v| v["passwordRules"]["minLength"] = json!(3)).path,
            "$.passwordRules.minLength"
        );
        assert_eq!(error(&|v| v["userFlows"] = json!([{}])).path, "$.userFlows[0]");
        let twice = |v: &mut Value| {
            let flow = v["userFlows"][0].clone();
            v["userFlows"] = json!([flow.clone(), flow]);
        };
        assert_eq!(error(&twice).path, "$.userFlows[1].id");
    }

    #[test]
    fn every_setting_is_written_and_read_again() {
        let brand = Brand::new("Larkfield").unwrap().with_origin("login.larkfield.example");
        let sender = EmailAddress::parse("no-reply@larkfield.example").unwrap();
        let brand = brand.unwrap().with_sender(sender).with_code_in_subject(CodeInSubject::Shown);
        let rules = PasswordRules::entra().with_min_length(12).unwrap().with_terms(["larkfield"]);
        let rules = rules.unwrap().with_current_refused(CurrentPassword::Allowed);
        let numbers = Numbers { tries_per_window: 14, ..Numbers::default() };
        let numbers = Numbers { code_lifetime: Duration::from_secs(300), ..numbers };
        let policy = TenantPolicy::customers("contoso")
            .unwrap()
            .with_brand(brand)
            .with_password_rules(rules)
            .with_limits(Limits::new(numbers).unwrap())
            .with_dot_rules(DotRules::new(["fabrikam.example"]))
            .with_languages(vec![LanguageTag::parse("de").unwrap()])
            .with_disclosure(Disclosure::EntraCompatible)
            .with_same_mailbox(SameMailbox::Eligible)
            .with_after_reset(AfterReset::RequireSignIn)
            .with_no_password_notice(NoPasswordNotice::On);

        let read = TenantPolicy::from_json(&policy.to_json().to_string()).unwrap();

        assert_eq!(read, policy);
        let nist = policy.clone().with_password_rules(PasswordRules::nist());
        assert_ne!(nist.to_json(), policy.to_json());
        assert_eq!(TenantPolicy::from_json(&nist.to_json().to_string()).unwrap(), nist);
    }

    #[test]
    fn what_is_missing_is_the_default() {
        let customers = TenantPolicy::customers("contoso").unwrap();
        let whole = customers.to_json();
        let fields = ["tenant", "userFlows", "authenticationMethodsPolicy"];
        let least: Map<String, Value> =
            fields.iter().map(|name| ((*name).to_owned(), whole[*name].clone())).collect();
        assert_eq!(TenantPolicy::from_json(&Value::Object(least).to_string()).unwrap(), customers);
    }
}
