//! One tenant as one JSON document: Graph's own shapes inside, with the settings of this crate
//! beside them.

use core::time::Duration;

use serde_json::{Map, Value, json};

use super::{
    AfterReset, AuthenticationMethodsPolicy, Brand, CodeInSubject, CurrentPassword, Disclosure,
    DocumentError, FreezeCodes, HostProofs, Limits, LimitsError, NoPasswordNotice, PasswordRules,
    RequiredProofs, SameMailbox, TenantPolicy, UserFlow,
    graph::{Node, fault},
    json::{DEEPEST, MOST_BYTES, parse_json},
};
use crate::domain::{DotRules, EmailAddress, LanguageTag, TenantId};

const FIELDS: [&str; 16] = [
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
    "freezeCodes",
    "languages",
    "smsCountries",
    "requiredProofs",
    "hostProofs",
];

impl TenantPolicy {
    /// Reads a whole tenant:
    ///
    /// ```json
    /// {"tenant": "contoso",
    ///  "userFlows": [ Graph's externalUsersSelfServiceSignUpEventsFlow … ],
    ///  "authenticationMethodsPolicy": Graph's authenticationMethodsPolicy,
    ///  "passwordRules": {"rules": "nist" or "entra", "minLength": 15,
    ///                    "terms": [], "currentPassword": "refused" or "allowed"},
    ///  "limits": {"triesPerWindow": 15, "codeLifetimeSeconds": 600, …},
    ///  "brand": {"name": "Contoso", "origin": "login.contoso.com",
    ///            "sender": "no-reply@contoso.com",
    ///            "codeInSubject": "hidden" or "shown"},
    ///  "dotRules": ["gmail.com"],
    ///  "disclosure": "strict" or "entraCompatible",
    ///  "sameMailbox": "notEligible" or "eligible",
    ///  "afterReset": "signIn" or "requireSignIn",
    ///  "noPasswordNotice": "off" or "on", "freezeCodes": "off" or "on",
    ///  "languages": ["en", "de"], "smsCountries": ["US", "CA"],
    ///  "requiredProofs": 1 or 2, "hostProofs": "off" or "on"}
    /// ```
    /// All fields except the first three may be missing. A well-formed language without words is
    /// kept but not used. If no listed language has words, English is used.
    ///
    /// # Errors
    /// [`DocumentError`] names the JSON path and the rule. An unknown setting is an error, because
    /// a misspelt rule must not be ignored silently.
    pub fn from_json(json: &str) -> Result<Self, DocumentError> {
        let value = parse_json(json, DEEPEST)?;
        let root = Node::root(&value);
        root.knows_only(&FIELDS)?;
        let tenant = root.required("tenant")?.read(TenantId::parse)?;
        let flows = root.required("userFlows")?.items()?;
        let flows = flows.iter().map(UserFlow::read).collect::<Result<_, _>>()?;
        let methods =
            AuthenticationMethodsPolicy::read(&root.required("authenticationMethodsPolicy")?)?;
        let policy = Self::new(tenant, flows, methods)?;
        SETTINGS.iter().try_fold(policy, |policy, (name, read)| match root.present(name)? {
            Some(node) => read(policy, &node),
            None => Ok(policy),
        })
    }

    /// Reads as much of a tenant's document as possible, so that an administrator can repair it.
    ///
    /// Settings that cannot be read get their default, and user flows that cannot be read are left
    /// out. The second value says whether Email OTP could be read. If not, Email OTP is off and for
    /// no account.
    pub(crate) fn salvaged(tenant: &TenantId, json: &str) -> Result<(Self, bool), DocumentError> {
        let value = parse_json(json, DEEPEST).unwrap_or_default();
        let root = Node::root(&value);
        let found = |name| root.present(name).ok().flatten();
        let mut flows: Vec<UserFlow> = Vec::new();
        let listed = found("userFlows").and_then(|list| list.items().ok());
        for flow in listed.into_iter().flatten().filter_map(|flow| UserFlow::read(&flow).ok()) {
            if flows.iter().all(|other| other.id() != flow.id()) {
                flows.push(flow);
            }
        }
        let methods = found("authenticationMethodsPolicy")
            .and_then(|methods| AuthenticationMethodsPolicy::read(&methods).ok());
        let is_whole = methods.is_some();
        let methods = methods.unwrap_or_else(AuthenticationMethodsPolicy::email_for_nobody);
        let mut policy = Self::new(tenant.clone(), flows, methods)?;
        for (name, read) in SETTINGS {
            if let Some(node) = found(name)
                && let Ok(better) = read(policy.clone(), &node)
            {
                policy = better;
            }
        }
        Ok((policy, is_whole))
    }

    /// Writes the whole tenant as the text that a store keeps, and reads the text back.
    ///
    /// [`TenantPolicy::from_json`] therefore reads the returned text as this policy. A store calls
    /// this method before it writes anything.
    ///
    /// # Errors
    /// [`DocumentError`] if the text is larger than 1 MiB or would be read as another policy.
    pub fn to_text(&self) -> Result<String, DocumentError> {
        let text = self.to_json().to_string();
        if text.len() > MOST_BYTES {
            return Err(DocumentError::new("$", "the whole policy is larger than 1 MiB"));
        }
        if Self::from_json(&text)? != *self {
            return Err(DocumentError::new("$", "would not be read back as it is written"));
        }
        Ok(text)
    }

    /// Returns the whole tenant as JSON, which [`TenantPolicy::from_json`] reads.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let mut document = self.usual_json();
        // Older releases refuse a document with these, so they are written only where they matter.
        let two = (self.required_proofs() == RequiredProofs::Two).then(|| json!(2));
        let on = (self.host_proofs() == HostProofs::On).then(|| json!("on"));
        let proofs = [("requiredProofs", two), ("hostProofs", on)];
        if let Value::Object(fields) = &mut document {
            fields.extend(
                proofs.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))),
            );
        }
        document
    }

    fn usual_json(&self) -> Value {
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
            "limits": write_limits(self.limits()),
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
            "smsCountries": self.sms_countries(),
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
            "freezeCodes": match self.freeze_codes() {
                FreezeCodes::Off => "off",
                FreezeCodes::On => "on",
            },
        })
    }
}

/// Reads one setting into a policy.
type Setting = fn(TenantPolicy, &Node<'_>) -> Result<TenantPolicy, DocumentError>;

/// The settings that may be missing. They must not be null.
const SETTINGS: [(&str, Setting); 13] = [
    ("passwordRules", |policy, node| Ok(policy.with_password_rules(read_rules(node)?))),
    ("limits", |policy, node| Ok(policy.with_limits(read_limits(node)?))),
    ("brand", |policy, node| Ok(policy.with_brand(read_brand(node)?))),
    ("dotRules", |policy, node| {
        let items = node.items()?;
        let domains = items.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?;
        Ok(policy.with_dot_rules(DotRules::new(domains)))
    }),
    ("languages", |policy, node| {
        let tags = node.items()?;
        let tags = tags.iter().map(|tag| tag.read(LanguageTag::parse));
        Ok(policy.with_languages(tags.collect::<Result<_, _>>()?))
    }),
    ("smsCountries", |policy, node| {
        let items = node.items()?;
        policy.with_sms_countries(items.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?)
    }),
    ("disclosure", |policy, node| {
        let words =
            [("strict", Disclosure::Strict), ("entraCompatible", Disclosure::EntraCompatible)];
        Ok(policy.with_disclosure(node.word(&words)?))
    }),
    ("sameMailbox", |policy, node| {
        let words =
            [("notEligible", SameMailbox::NotEligible), ("eligible", SameMailbox::Eligible)];
        Ok(policy.with_same_mailbox(node.word(&words)?))
    }),
    ("afterReset", |policy, node| {
        let words = [("signIn", AfterReset::SignIn), ("requireSignIn", AfterReset::RequireSignIn)];
        Ok(policy.with_after_reset(node.word(&words)?))
    }),
    ("noPasswordNotice", |policy, node| {
        let words = [("off", NoPasswordNotice::Off), ("on", NoPasswordNotice::On)];
        Ok(policy.with_no_password_notice(node.word(&words)?))
    }),
    ("freezeCodes", |policy, node| {
        let words = [("off", FreezeCodes::Off), ("on", FreezeCodes::On)];
        Ok(policy.with_freeze_codes(node.word(&words)?))
    }),
    ("requiredProofs", |policy, node| match node.number()? {
        1 => Ok(policy.with_required_proofs(RequiredProofs::One)),
        2 => Ok(policy.with_required_proofs(RequiredProofs::Two)),
        _ => Err(node.fault("must be 1 or 2")),
    }),
    ("hostProofs", |policy, node| {
        let words = [("off", HostProofs::Off), ("on", HostProofs::On)];
        Ok(policy.with_host_proofs(node.word(&words)?))
    }),
];

fn read_rules(node: &Node<'_>) -> Result<PasswordRules, DocumentError> {
    node.knows_only(&["rules", "minLength", "terms", "currentPassword"])?;
    let words = [("nist", false), ("entra", true)];
    let kind = node.present("rules")?.map(|kind| kind.word(&words)).transpose()?;
    let is_entra = kind.unwrap_or(false);
    let mut rules = if is_entra { PasswordRules::entra() } else { PasswordRules::nist() };
    if let Some(length) = node.present("minLength")? {
        let characters = usize::try_from(length.number()?).unwrap_or(usize::MAX);
        rules = rules.with_min_length(characters).map_err(|e| length.fault(e.to_string()))?;
    }
    if let Some(terms) = node.present("terms")? {
        let items = terms.items()?;
        let words = items.iter().map(Node::text).collect::<Result<Vec<_>, _>>()?;
        rules = rules.with_terms(words).map_err(|e| terms.fault(e.to_string()))?;
    }
    if let Some(current) = node.present("currentPassword")? {
        let words = [("refused", CurrentPassword::Refused), ("allowed", CurrentPassword::Allowed)];
        rules = rules.with_current_refused(current.word(&words)?);
    }
    Ok(rules)
}

fn read_brand(node: &Node<'_>) -> Result<Brand, DocumentError> {
    node.knows_only(&["name", "origin", "sender", "codeInSubject"])?;
    let mut brand = node.required("name")?.read(Brand::new)?;
    if let Some(origin) = node.field("origin")? {
        brand = origin.read(|host| brand.with_origin(host))?;
    }
    if let Some(sender) = node.field("sender")? {
        brand = brand.with_sender(sender.read(EmailAddress::parse)?);
    }
    if let Some(choice) = node.present("codeInSubject")? {
        let words = [("hidden", CodeInSubject::Hidden), ("shown", CodeInSubject::Shown)];
        brand = brand.with_code_in_subject(choice.word(&words)?);
    }
    Ok(brand)
}

/// The counts of [`Limits`] under their JSON names.
fn counts(limits: &mut Limits) -> [(&'static str, &mut u32); 28] {
    [
        ("triesPerChallenge", &mut limits.tries_per_challenge),
        ("triesPerWindow", &mut limits.tries_per_window),
        ("triesPerStreak", &mut limits.tries_per_streak),
        ("sendsPerAddressAndNetwork", &mut limits.sends_per_address_and_network),
        ("sendsPerAddress", &mut limits.sends_per_address),
        ("sendsPerNetwork", &mut limits.sends_per_network),
        ("opensPerNetwork", &mut limits.opens_per_network),
        ("networkTries", &mut limits.network_tries),
        ("subscriberNetworkFactor", &mut limits.subscriber_network_factor),
        ("wideNetworkFactor", &mut limits.wide_network_factor),
        ("sendsPerDevice", &mut limits.sends_per_device),
        ("sendsPerVouch", &mut limits.sends_per_vouch),
        ("sendsPerAccount", &mut limits.sends_per_account),
        ("trustedSendsPerAccount", &mut limits.trusted_sends_per_account),
        ("submitsPerGrant", &mut limits.submits_per_grant),
        ("tenantTries", &mut limits.tenant_tries),
        ("lockoutThreshold", &mut limits.lockout_threshold),
        ("assistsPerAccount", &mut limits.assists_per_account),
        ("assistsPerActor", &mut limits.assists_per_actor),
        ("assistsPerTenant", &mut limits.assists_per_tenant),
        ("textsPerNumber", &mut limits.texts_per_number),
        ("textsPerBlock", &mut limits.texts_per_block),
        ("textsPerNetwork", &mut limits.texts_per_network),
        ("textsPerTenant", &mut limits.texts_per_tenant),
        ("noticeTextsPerTenant", &mut limits.notice_texts_per_tenant),
        ("textWatchAfter", &mut limits.text_watch_after),
        ("textWatchAlarm", &mut limits.text_watch_alarm),
        ("textWatchStop", &mut limits.text_watch_stop),
    ]
}

/// The durations of [`Limits`] under their JSON names.
fn durations(limits: &mut Limits) -> [(&'static str, &mut Duration); 16] {
    [
        ("codeLifetimeSeconds", &mut limits.code_lifetime),
        ("resetLifetimeSeconds", &mut limits.reset_lifetime),
        ("grantLifetimeSeconds", &mut limits.grant_lifetime),
        ("ticketLifetimeSeconds", &mut limits.ticket_lifetime),
        ("triesWindowSeconds", &mut limits.tries_window),
        ("streakWindowSeconds", &mut limits.streak_window),
        ("resendCooldownSeconds", &mut limits.resend_cooldown),
        ("sendsWindowSeconds", &mut limits.sends_window),
        ("networkWindowSeconds", &mut limits.network_window),
        ("lockoutFirstSeconds", &mut limits.lockout_first),
        ("lockoutLongestSeconds", &mut limits.lockout_longest),
        ("lockoutMemorySeconds", &mut limits.lockout_memory),
        ("assistanceCodeLifetimeSeconds", &mut limits.assistance_code_lifetime),
        ("temporaryPasswordLifetimeSeconds", &mut limits.temporary_password_lifetime),
        ("textWatchWindowSeconds", &mut limits.text_watch_window),
        ("textStopSeconds", &mut limits.text_stop),
    ]
}

fn read_limits(node: &Node<'_>) -> Result<Limits, DocumentError> {
    let mut limits = Limits::default();
    let mut names: Vec<&str> = counts(&mut limits).iter().map(|(name, _)| *name).collect();
    names.extend(durations(&mut limits).iter().map(|(name, _)| *name));
    node.knows_only(&names)?;
    for (name, slot) in counts(&mut limits) {
        if let Some(field) = node.present(name)? {
            let number = u32::try_from(field.number()?);
            *slot = number.map_err(|_| field.fault("must be below 2^32"))?;
        }
    }
    for (name, slot) in durations(&mut limits) {
        if let Some(field) = node.present(name)? {
            *slot = Duration::from_secs(field.number()?);
        }
    }
    limits.checked().map_err(|error| {
        let (field, rule) = match error {
            LimitsError::Bound { field, rule } => (field, rule.to_owned()),
            LimitsError::Odds { field, .. } => (field, error.to_string()),
        };
        let rule = rule.trim_start_matches("limits: ");
        let spelt = |text: String, name: &&str| {
            text.replace(&format!("`{}`", field_of(name)), &format!("`{name}`"))
        };
        let rule = names.iter().fold(rule.to_owned(), spelt);
        match names.iter().find(|name| field_of(name) == field) {
            Some(name) => fault(&format!("$.limits.{name}"), rule),
            None => node.fault(rule),
        }
    })
}

/// Returns the field of [`Limits`] that has this JSON name.
fn field_of(name: &str) -> String {
    let mut field = String::new();
    for c in name.trim_end_matches("Seconds").chars() {
        if c.is_ascii_uppercase() {
            field.push('_');
        }
        field.push(c.to_ascii_lowercase());
    }
    field
}

fn write_limits(limits: &Limits) -> Value {
    let mut limits = *limits;
    let mut fields = Map::new();
    for (name, count) in counts(&mut limits) {
        fields.insert(name.to_owned(), json!(*count));
    }
    for (name, duration) in durations(&mut limits) {
        fields.insert(name.to_owned(), json!(duration.as_secs()));
    }
    Value::Object(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mail::{Language, look_up};

    #[test]
    fn a_tenant_round_trips() {
        let policy = TenantPolicy::customers("contoso").unwrap();
        let written = policy.to_json();

        let read = TenantPolicy::from_json(&written.to_string()).unwrap();

        assert_eq!(read.to_json(), written);
    }

    #[test]
    fn every_limit_that_is_refused_is_named_as_the_document_names_it() {
        let base = TenantPolicy::customers("contoso").unwrap().to_json();
        for (name, _) in base["limits"].as_object().unwrap() {
            let mut value = base.clone();
            value["limits"][name] = json!(0);
            let error = TenantPolicy::from_json(&value.to_string()).unwrap_err();
            assert_eq!(error.path, format!("$.limits.{name}"));
            assert!(!error.rule.contains('_') && !error.rule.contains("limits:"), "{error}");
        }
    }

    #[test]
    fn a_language_without_words_is_kept_and_does_not_count() {
        let mut value = TenantPolicy::customers("contoso").unwrap().to_json();
        value["languages"] = json!(["xx"]);
        let policy = TenantPolicy::from_json(&value.to_string()).unwrap();
        assert_eq!(policy.to_json(), value);
        let french = LanguageTag::parse("fr").unwrap();
        assert_eq!(look_up(&[&french], policy.languages()), Language::English);
    }

    #[test]
    fn password_rules_without_a_kind_are_those_of_nist() {
        let mut json = TenantPolicy::customers("contoso").unwrap().to_json();
        json["passwordRules"] = serde_json::json!({"terms": ["larkfield"]});
        let policy = TenantPolicy::from_json(&json.to_string()).unwrap();
        let rules = crate::policy::PasswordRules::nist().with_terms(["larkfield"]).unwrap();
        assert_eq!(policy.password_rules(), &rules);
    }

    #[test]
    fn a_misspelt_or_bad_setting_is_named_with_its_path() {
        let base = TenantPolicy::customers("contoso").unwrap().to_json();
        let error = |change: &dyn Fn(&mut Value)| {
            let mut value = base.clone();
            change(&mut value);
            TenantPolicy::from_json(&value.to_string()).unwrap_err()
        };
        assert_eq!(
            error(&|v| v["limtis"] = json!({})).to_string(),
            "$.limtis: is not known; `limits` is"
        );
        let foreign = error(&|v| v["brand"]["colour"] = json!(1)).to_string();
        assert!(foreign.starts_with("$.brand.colour: is not known; only these are: name, "));
        for name in FIELDS.iter().skip(3) {
            assert_eq!(error(&|v| v[*name] = Value::Null).path.split('.').nth(1), Some(*name));
        }
        assert_eq!(
            error(&|v| v["limits"]["triesPerWindow"] = json!(60)).path,
            "$.limits.triesPerWindow"
        );
        assert_eq!(
            error(&|v| v["limits"]["codeLifetimeSeconds"] = json!("x")).path,
            "$.limits.codeLifetimeSeconds"
        );
        assert_eq!(
            error(&|v| v["limits"]["lockoutLongestSeconds"] = json!(1)).to_string(),
            "$.limits.lockoutLongestSeconds: must be at least `lockoutFirstSeconds`"
        );
        let odds = error(&|v| v["limits"]["tenantTries"] = json!(5_000)).to_string();
        assert!(odds.starts_with("$.limits.tenantTries: somebody who guesses"), "{odds}");
        assert!(odds.ends_with("lower `tenantTries`"), "{odds}");
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
    fn what_is_written_as_text_is_read_back_and_what_is_too_large_is_not_written() {
        let policy = TenantPolicy::customers("contoso").unwrap();
        assert_eq!(TenantPolicy::from_json(&policy.to_text().unwrap()).unwrap(), policy);
        let large = |bytes: usize| {
            let unknown = "x".repeat(bytes);
            let flow = format!(r#"{{"displayName": "f", "unknown": "{unknown}"}}"#);
            policy.clone().with_user_flows(vec![UserFlow::from_json(&flow).unwrap()]).unwrap()
        };
        let rest = large(0).to_text().unwrap().len();
        assert_eq!(large(MOST_BYTES - rest).to_text().unwrap().len(), MOST_BYTES);
        let error = large(MOST_BYTES - rest + 1).to_text().unwrap_err();
        assert_eq!(error.to_string(), "$: the whole policy is larger than 1 MiB");
    }

    #[test]
    fn what_is_accepted_alone_can_be_read_in_the_whole() {
        let nested = |levels: usize| format!("{}{}", "[".repeat(levels), "]".repeat(levels));
        let (mut emails, mut flows) = (0, 0);
        for levels in 1..140 {
            let policy = TenantPolicy::customers("contoso").unwrap();
            let email = format!(r#"{{"state": "enabled", "deep": {}}}"#, nested(levels));
            match AuthenticationMethodsPolicy::from_email_json(&email) {
                Ok(methods) => {
                    emails += 1;
                    policy.clone().with_authentication_methods(methods).to_text().unwrap();
                }
                Err(error) => assert!(error.rule.starts_with("nested deeper"), "{error}"),
            }
            let flow = format!(r#"{{"displayName": "f", "deep": {}}}"#, nested(levels));
            match UserFlow::from_json(&flow) {
                Ok(flow) => {
                    flows += 1;
                    policy.with_user_flows(vec![flow]).unwrap().to_text().unwrap();
                }
                Err(error) => assert!(error.rule.starts_with("nested deeper"), "{error}"),
            }
        }
        assert_eq!((emails, flows), (96, 97));
    }

    #[test]
    fn of_a_damaged_document_what_can_be_read_is_kept_and_the_rest_is_off() {
        let tenant = TenantId::parse("contoso").unwrap();
        let whole = TenantPolicy::customers("contoso").unwrap();
        let whole = whole.with_after_reset(AfterReset::RequireSignIn);
        let mut document = whole.to_json();
        document["limits"]["triesPerWindow"] = json!("many");
        document["unknown"] = json!(1);
        let flow = document["userFlows"][0].clone();
        document["userFlows"] = json!([flow, {"DisplayName": "x"}, flow]);

        let (saved, is_whole) = TenantPolicy::salvaged(&tenant, &document.to_string()).unwrap();
        assert!(is_whole);
        assert_eq!(saved, whole);

        document["authenticationMethodsPolicy"]["authenticationMethodConfigurations"][0]["State"] =
            json!("enabled");
        for damaged in [document.to_string(), "{".to_owned(), String::new(), "[]".to_owned()] {
            let (saved, is_whole) = TenantPolicy::salvaged(&tenant, &damaged).unwrap();
            assert!(!is_whole);
            assert_eq!(
                saved.authentication_methods().method(crate::domain::Method::Email).state(),
                crate::policy::MethodState::Disabled
            );
            assert!(saved.to_text().is_ok());
        }
    }

    #[test]
    fn the_number_of_proofs_is_read_and_written_only_where_it_is_not_the_usual_one() {
        let usual = TenantPolicy::customers("contoso").unwrap();
        let two = usual.clone().with_required_proofs(RequiredProofs::Two);
        let two = two.with_host_proofs(HostProofs::On);
        assert_eq!(TenantPolicy::from_json(&two.to_json().to_string()).unwrap(), two);
        let mut document = usual.to_json();
        assert!(document.get("requiredProofs").is_none() && document.get("hostProofs").is_none());
        (document["requiredProofs"], document["hostProofs"]) = (json!(1), json!("off"));
        assert_eq!(TenantPolicy::from_json(&document.to_string()).unwrap(), usual);
        for (name, value) in [
            ("requiredProofs", json!(0)),
            ("requiredProofs", json!(3)),
            ("requiredProofs", json!("two")),
            ("requiredProofs", json!(null)),
            ("hostProofs", json!(true)),
        ] {
            let mut document = usual.to_json();
            document[name] = value;
            let error = TenantPolicy::from_json(&document.to_string()).unwrap_err();
            assert_eq!(error.path, format!("$.{name}"), "{error}");
        }
    }

    #[test]
    fn every_setting_is_written_and_read_again() {
        let brand = Brand::new("Larkfield").unwrap().with_origin("login.larkfield.example");
        let sender = EmailAddress::parse("no-reply@larkfield.example").unwrap();
        let brand = brand.unwrap().with_sender(sender).with_code_in_subject(CodeInSubject::Shown);
        let rules = PasswordRules::entra().with_min_length(12).unwrap().with_terms(["larkfield"]);
        let rules = rules.unwrap().with_current_refused(CurrentPassword::Allowed);
        let limits = Limits::builder().tries_per_window(14);
        let limits = limits.code_lifetime(Duration::from_secs(300)).build().unwrap();
        let policy = TenantPolicy::customers("contoso")
            .unwrap()
            .with_brand(brand)
            .with_password_rules(rules)
            .with_limits(limits)
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
