//! The authentication methods policy. This crate uses two of its methods, Email OTP and SMS.

use serde_json::{Value, json};

use super::{
    graph::{DocumentError, Node, is_same_id},
    json::{DEEPEST_METHOD, DEEPEST_METHODS, parse_json},
};
use crate::domain::{Account, GroupId, Method};

const EMAIL: &str = "emailAuthenticationMethodConfiguration";
const SMS: &str = "smsAuthenticationMethodConfiguration";

/// The authentication methods and the accounts that may use them, as Graph's
/// `authenticationMethodsPolicy`.
///
/// An account can use a method if the method is enabled, some include target covers the account
/// and no exclude target does. **An exclude always wins.** An empty list of include targets covers
/// no account. Ids are compared exactly, except that GUIDs are compared without regard to case.
///
/// The methods are Email OTP and SMS. SMS is off unless the document switches it on. Other methods
/// and unknown fields are kept and written back. Numbers that are not 64-bit integers keep the
/// precision of an `f64`.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthenticationMethodsPolicy {
    document: Value,
    email: MethodPolicy,
    sms: MethodPolicy,
}

/// Whether one method is switched on, and for which accounts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MethodPolicy {
    state: MethodState,
    include: Vec<Target>,
    exclude: Vec<Target>,
}

/// Whether a method is switched on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Exhaustive: Graph has these two.
pub enum MethodState {
    /// No account can use the method.
    Disabled,
    /// Accounts that are included and not excluded can use the method.
    Enabled,
}

/// The accounts that a method includes or excludes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Target {
    /// All accounts.
    AllUsers,
    /// The members of a group.
    Group(GroupId),
    /// One account, by its id. Graph keeps this type for older policies.
    User(String),
}

impl AuthenticationMethodsPolicy {
    /// Creates a policy that enables Email OTP for all users.
    #[must_use]
    pub fn email_for_all() -> Self {
        let email = json!({
            "@odata.type": format!("#microsoft.graph.{EMAIL}"),
            "id": "Email",
            "state": "enabled",
            "allowExternalIdToUseEmailOtp": "default",
            "includeTargets": [
                {"targetType": "group", "id": "all_users", "isRegistrationRequired": false}
            ],
            "excludeTargets": [],
        });
        Self {
            document: json!({ "authenticationMethodConfigurations": [email] }),
            email: MethodPolicy::for_all(),
            sms: MethodPolicy::for_nobody(),
        }
    }

    /// Switches SMS on for all users as well, beside what the policy has already.
    ///
    /// # Security
    /// SMS is a restricted authenticator (NIST SP 800-63B-4, 3.2.9). Whoever takes over a phone
    /// number gets the codes that are sent to it.
    #[must_use]
    pub fn with_sms_for_all(mut self) -> Self {
        let sms = json!({
            "@odata.type": format!("#microsoft.graph.{SMS}"),
            "id": "Sms",
            "state": "enabled",
            "includeTargets": [{
                "targetType": "group",
                "id": "all_users",
                "isRegistrationRequired": false,
                "isUsableForSignIn": false,
            }],
            "excludeTargets": [],
        });
        let list = self.document.get_mut("authenticationMethodConfigurations");
        if let Some(all) = list.and_then(Value::as_array_mut) {
            all.retain(|method| !is_named(method, Method::Sms));
            all.push(sms);
            self.sms = MethodPolicy::for_all();
        }
        self
    }

    /// Reads Graph's `authenticationMethodsPolicy`.
    ///
    /// # Errors
    /// [`DocumentError`] names the JSON path and the rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::AuthenticationMethodsPolicy;
    ///
    /// let policy = AuthenticationMethodsPolicy::from_json(
    ///     r#"{ "authenticationMethodConfigurations": [
    ///         { "id": "Email", "state": "enabled" }
    ///     ] }"#,
    /// )?;
    /// let refused = AuthenticationMethodsPolicy::from_json("[]").unwrap_err();
    /// # Ok::<(), sspr::policy::DocumentError>(())
    /// ```
    pub fn from_json(json: &str) -> Result<Self, DocumentError> {
        Self::read(&Node::root(&parse_json(json, DEEPEST_METHODS)?))
    }

    /// Reads only Graph's `emailAuthenticationMethodConfiguration`. Its `id` may be missing, but
    /// must not differ from `Email`.
    ///
    /// # Errors
    /// [`DocumentError`] names the JSON path and the rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::AuthenticationMethodsPolicy;
    ///
    /// let json = r#"{ "id": "Email", "state": "disabled" }"#;
    /// let policy = AuthenticationMethodsPolicy::from_email_json(json)?;
    /// # Ok::<(), sspr::policy::DocumentError>(())
    /// ```
    pub fn from_email_json(json: &str) -> Result<Self, DocumentError> {
        let (email, read) = read_alone(json, Method::Email)?;
        let document = json!({ "authenticationMethodConfigurations": [email] });
        Ok(Self { document, email: read, sms: MethodPolicy::for_nobody() })
    }

    /// Replaces Graph's configuration of one method, and keeps everything else.
    ///
    /// # Errors
    /// [`DocumentError`] names the path in this configuration, and the rule.
    #[cfg(feature = "axum")]
    pub(crate) fn with_method(&self, method: Method, json: &str) -> Result<Self, DocumentError> {
        let (configuration, _) = read_alone(json, method)?;
        let mut document = self.document.clone();
        let listed = document.get_mut("authenticationMethodConfigurations");
        if let Some(listed) = listed.and_then(Value::as_array_mut) {
            match listed.iter_mut().find(|other| is_named(other, method)) {
                Some(other) => *other = configuration,
                None => listed.push(configuration),
            }
        }
        Self::from_json(&document.to_string())
    }

    /// Creates a policy with Email OTP off and for no account.
    pub(super) fn email_for_nobody() -> Self {
        let email = json!({
            "@odata.type": format!("#microsoft.graph.{EMAIL}"),
            "id": "Email",
            "state": "disabled",
            "includeTargets": [],
            "excludeTargets": [],
        });
        Self {
            document: json!({ "authenticationMethodConfigurations": [email] }),
            email: MethodPolicy::for_nobody(),
            sms: MethodPolicy::for_nobody(),
        }
    }

    pub(super) fn read(node: &Node<'_>) -> Result<Self, DocumentError> {
        node.knows(&["@odata.type", "authenticationMethodConfigurations"])?;
        node.odata_type("authenticationMethodsPolicy")?;
        let configurations = node.required("authenticationMethodConfigurations")?;
        let (mut email, mut sms) = (None, None);
        for configuration in configurations.items()? {
            configuration.knows(&["@odata.type", "id"])?;
            let id = configuration.required("id")?;
            let (found, odata_type, twice) = match method_of(id.text()?) {
                Some(Method::Email) => (&mut email, EMAIL, "the e-mail method"),
                Some(Method::Sms) => (&mut sms, SMS, "the SMS method"),
                None => {
                    refuse_misnamed(&configuration, &id)?;
                    continue;
                }
            };
            if found.replace(MethodPolicy::read(&configuration, odata_type)?).is_some() {
                return Err(id.fault(format!("{twice} is configured twice")));
            }
        }
        Ok(Self {
            document: node.value().clone(),
            email: email.unwrap_or_else(MethodPolicy::for_nobody),
            sms: sms.unwrap_or_else(MethodPolicy::for_nobody),
        })
    }

    /// Returns the document, as Graph writes it.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Returns Graph's configuration of a method, if there is one.
    #[must_use]
    pub fn method_document(&self, method: Method) -> Option<&Value> {
        let all = self.document.get("authenticationMethodConfigurations")?.as_array()?;
        all.iter().find(|document| is_named(document, method))
    }

    /// Returns whether a method is switched on, and for which accounts.
    #[must_use]
    pub const fn method(&self, method: Method) -> &MethodPolicy {
        match method {
            Method::Email => &self.email,
            Method::Sms => &self.sms,
        }
    }
}

impl MethodPolicy {
    const fn for_nobody() -> Self {
        Self { exclude: Vec::new(), include: Vec::new(), state: MethodState::Disabled }
    }

    fn for_all() -> Self {
        Self { exclude: Vec::new(), include: vec![Target::AllUsers], state: MethodState::Enabled }
    }

    fn read(node: &Node<'_>, odata_type: &'static str) -> Result<Self, DocumentError> {
        node.knows(&["@odata.type", "id", "state", "includeTargets", "excludeTargets"])?;
        node.odata_type(odata_type)?;
        let states = [("enabled", MethodState::Enabled), ("disabled", MethodState::Disabled)];
        let state = node.required("state")?.word(&states)?;
        let targets = |name| -> Result<Vec<Target>, DocumentError> {
            match node.present(name)? {
                Some(list) => list.items()?.iter().map(Target::read).collect(),
                None => Ok(Vec::new()),
            }
        };
        Ok(Self { exclude: targets("excludeTargets")?, include: targets("includeTargets")?, state })
    }

    /// Returns whether the method is switched on.
    #[must_use]
    pub const fn state(&self) -> MethodState {
        self.state
    }

    /// Returns the targets that the method includes.
    #[must_use]
    pub fn include(&self) -> &[Target] {
        &self.include
    }

    /// Returns the targets that the method excludes, whatever the include targets say.
    #[must_use]
    pub fn exclude(&self) -> &[Target] {
        &self.exclude
    }

    /// Returns whether any account can use the method, as far as the policy tells without accounts.
    #[must_use]
    pub fn is_offered(&self) -> bool {
        self.state == MethodState::Enabled && !self.include.is_empty()
    }

    pub(super) fn includes(&self, account: &Account) -> bool {
        self.include.iter().any(|target| target.covers(account))
    }

    pub(super) fn excludes(&self, account: &Account) -> bool {
        self.exclude.iter().any(|target| target.covers(account))
    }
}

/// Reads Graph's configuration of one method. Returns the document with its `id`, and its content.
fn read_alone(json: &str, method: Method) -> Result<(Value, MethodPolicy), DocumentError> {
    let (odata_type, name, rule) = match method {
        Method::Email => (EMAIL, "Email", "must be Email"),
        Method::Sms => (SMS, "Sms", "must be Sms"),
    };
    let mut document = parse_json(json, DEEPEST_METHOD)?;
    let read = MethodPolicy::read(&Node::root(&document), odata_type)?;
    let is_named = match Node::root(&document).field("id")? {
        Some(id) if method_of(id.text()?) == Some(method) => true,
        Some(id) => return Err(id.fault(rule)),
        None => false,
    };
    // Without its name the method would not be found in the document that is kept.
    if let (false, Some(fields)) = (is_named, document.as_object_mut()) {
        fields.insert("id".to_owned(), json!(name));
    }
    Ok((document, read))
}

/// Returns the method with this id in Graph.
fn method_of(id: &str) -> Option<Method> {
    let named = |name: &str| id.eq_ignore_ascii_case(name);
    match () {
        () if named("email") => Some(Method::Email),
        () if named("sms") => Some(Method::Sms),
        () => None,
    }
}

fn is_named(document: &Value, method: Method) -> bool {
    let id = document.get("id").and_then(Value::as_str);
    id.and_then(method_of) == Some(method)
}

/// Refuses a known method under another name, because it would be off without any warning.
fn refuse_misnamed(configuration: &Node<'_>, id: &Node<'_>) -> Result<(), DocumentError> {
    if configuration.present("@odata.type")?.is_none() {
        return Ok(());
    }
    for (odata_type, rule) in [(EMAIL, "must be Email"), (SMS, "must be Sms")] {
        if configuration.odata_type(odata_type).is_ok() {
            return Err(id.fault(rule));
        }
    }
    Ok(())
}

impl Target {
    fn covers(&self, account: &Account) -> bool {
        match self {
            Self::AllUsers => true,
            Self::Group(_) => account.groups.iter().any(|group| self.is_group(group)),
            Self::User(id) => is_same_id(account.id.as_str(), id),
        }
    }

    /// Returns whether the target is this group.
    pub(crate) fn is_group(&self, group: &GroupId) -> bool {
        matches!(self, Self::Group(id) if is_same_id(id.as_str(), group.as_str()))
    }

    /// Returns the key that all spellings of the target share.
    #[cfg(feature = "axum")]
    pub(crate) fn key(&self) -> String {
        match self {
            Self::AllUsers => target_key("group", "all_users"),
            Self::Group(id) => target_key("group", id.as_str()),
            Self::User(id) => target_key("user", id),
        }
    }

    fn read(node: &Node<'_>) -> Result<Self, DocumentError> {
        node.knows(&["id", "targetType"])?;
        let id = node.required("id")?;
        let user = match node.field("targetType")? {
            Some(kind) => kind.word(&[("group", false), ("user", true)])?,
            None => false,
        };
        if id.text()?.eq_ignore_ascii_case("all_users") {
            return Ok(Self::AllUsers);
        }
        if user {
            return id.read(crate::domain::AccountId::parse).map(|id| Self::User(id.to_string()));
        }
        id.read(GroupId::parse).map(Self::Group)
    }
}

/// Returns the [`Target::key`] of a target of that type and id.
#[cfg(feature = "axum")]
pub(crate) fn target_key(kind: &str, id: &str) -> String {
    if id.eq_ignore_ascii_case("all_users") {
        return "everybody".to_owned();
    }
    format!("{kind} {}", super::graph::id_key(id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = r##"{
        "id": "authenticationMethodsPolicy", "policyVersion": "1.5", "unknown": {"kept": [1, 2]},
        "authenticationMethodConfigurations": [
            {"@odata.type": "#microsoft.graph.fido2AuthenticationMethodConfiguration",
             "id": "Fido2", "state": "enabled", "keyRestrictions": {"isEnforced": true}},
            {"@odata.type": "#microsoft.graph.EmailAuthenticationMethodConfiguration",
             "id": "Email", "state": "enabled", "future": true,
             "includeTargets": [{"targetType": "group", "id": "all_users"}],
             "excludeTargets": [{"targetType": "group", "id": "6f0c0e0a-0000-4000-8000-000000000001"}]}
        ]}"##;

    #[test]
    fn an_export_loads_as_it_is_and_is_written_back_whole() {
        let policy = AuthenticationMethodsPolicy::from_json(EXPORT).unwrap();

        assert_eq!(policy.method(Method::Email).state(), MethodState::Enabled);
        assert_eq!(policy.method(Method::Email).include(), [Target::AllUsers]);
        assert!(matches!(policy.method(Method::Email).exclude(), [Target::Group(_)]));
        assert_eq!(*policy.document(), serde_json::from_str::<Value>(EXPORT).unwrap());
        assert_eq!(policy.method_document(Method::Email).unwrap()["future"], true);
    }

    #[test]
    fn what_is_read_alone_is_found_in_the_document_that_is_kept() {
        for id in [r#""id": "Email","#, r#""id": null,"#, ""] {
            let json = format!(r#"{{{id} "state": "enabled", "includeTargets": []}}"#);
            let policy = AuthenticationMethodsPolicy::from_email_json(&json).unwrap();
            let again = AuthenticationMethodsPolicy::from_json(&policy.document().to_string());

            assert_eq!(again.unwrap(), policy, "{id}");
            assert_eq!(policy.method_document(Method::Email).unwrap()["id"], "Email");
        }
    }

    /// A long number was read a last digit away from what had been written. Fuzzing found this.
    #[test]
    fn a_number_that_is_kept_reads_as_it_was_written() {
        for number in
            ["88888888888844444444444444488888888888888888", "0.1", "18446744073709551615"]
        {
            let json = format!(r#"{{"state": "enabled", "unknown": {number}}}"#);
            let policy = AuthenticationMethodsPolicy::from_email_json(&json).unwrap();
            let kept = &policy.method_document(Method::Email).unwrap()["unknown"];

            assert_eq!(kept.as_f64(), number.parse().ok(), "{number}");
            let again = AuthenticationMethodsPolicy::from_json(&policy.document().to_string());
            assert_eq!(again.unwrap(), policy, "{number}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let error = |json: &str| {
            AuthenticationMethodsPolicy::from_email_json(json).unwrap_err().to_string()
        };
        assert_eq!(error("{"), "$: not complete JSON (line 1, column 1)");
        assert_eq!(error("[]"), "$: must be an object");
        assert_eq!(error("{}"), "$: `state` is missing");
        assert_eq!(error(r#"{"state":"enabled","id":"Sms"}"#), "$.id: must be Email");
        assert_eq!(error(r#"{"state":"on"}"#), "$.state: must be one of: enabled, disabled");
        assert_eq!(
            error(r#"{"state":"enabled","includeTargets":[{"targetType":"group"}]}"#),
            "$.includeTargets[0]: `id` is missing"
        );
        assert_eq!(
            error(r#"{"state":"enabled","excludeTargets":{}}"#),
            "$.excludeTargets: must be an array"
        );
        assert_eq!(
            error(r##"{"@odata.type":"#microsoft.graph.smsAuthenticationMethodConfiguration"}"##),
            format!("$.@odata.type: must be #microsoft.graph.{EMAIL}")
        );
    }

    #[test]
    fn a_second_list_of_excludes_does_not_hide_the_first() {
        let json = r#"{"state": "enabled", "includeTargets": [{"id": "all_users"}],
            "excludeTargets": [{"targetType": "group", "id": "staff"}], "excludeTargets": []}"#;
        let error = AuthenticationMethodsPolicy::from_email_json(json).unwrap_err();
        assert!(error.rule.starts_with("a field stands twice (line 2"), "{error}");
    }

    #[test]
    fn a_field_that_is_almost_a_known_one_is_refused_and_others_are_kept() {
        let error = |json: &str| AuthenticationMethodsPolicy::from_email_json(json).unwrap_err();
        for (fields, path) in [
            (r#""State": "disabled""#, "$.State"),
            (r#""ExcludeTargets": []"#, "$.ExcludeTargets"),
            (r#""excludeTarget": []"#, "$.excludeTarget"),
            (r#""inculdeTargets": []"#, "$.inculdeTargets"),
            (r#""Id": "Email""#, "$.Id"),
            (r#""@odata.Type": "x""#, "$.@odata.Type"),
            (r#""st\u0430te": "disabled""#, "$[\"st\\u{430}te\"]"),
            (
                r#""excludeTargets": [{"id": "a"}, {"id": "b", "targettype": "user"}]"#,
                "$.excludeTargets[1].targettype",
            ),
            (r#""includeTargets": [{"id": "a", "ID": "b"}]"#, "$.includeTargets[0].ID"),
        ] {
            let error = error(&format!(r#"{{"state": "enabled", {fields}}}"#));
            assert_eq!(error.path, path);
            assert!(error.rule.starts_with("is not known; `"), "{error}");
        }
        let whole = |fields: &str| AuthenticationMethodsPolicy::from_json(fields);
        let misspelt = whole(
            r#"{"authenticationMethodConfigurations": [], "authenticationMethodConfiguration": []}"#,
        );
        assert_eq!(misspelt.unwrap_err().path, "$.authenticationMethodConfiguration");
        let other =
            whole(r#"{"authenticationMethodConfigurations": [{"id": "Fido2", "iD": "Email"}]}"#);
        assert_eq!(other.unwrap_err().path, "$.authenticationMethodConfigurations[0].iD");
        // For other methods only the id counts.
        let kept = r#"{"authenticationMethodConfigurations": [{"id": "Fido2", "State": 1, "excludeTarget": []}]}"#;
        assert_eq!(*whole(kept).unwrap().document(), serde_json::from_str::<Value>(kept).unwrap());
    }

    #[test]
    fn null_is_no_list_and_no_type() {
        let error = |json: &str| {
            AuthenticationMethodsPolicy::from_email_json(json).unwrap_err().to_string()
        };
        for name in ["includeTargets", "excludeTargets"] {
            let json = format!(r#"{{"state": "enabled", "{name}": null}}"#);
            assert_eq!(error(&json), format!("$.{name}: must be an array"));
        }
        assert_eq!(error(r#"{"@odata.type": null}"#), "$.@odata.type: must be a string");
        let everybody =
            r#"{"state": "enabled", "excludeTargets": [{"id": "all_users", "targetType": 1}]}"#;
        assert_eq!(error(everybody), "$.excludeTargets[0].targetType: must be a string");
    }

    #[test]
    fn the_e_mail_method_under_another_name_is_a_fault() {
        let document = json!({"authenticationMethodConfigurations": [
            {"@odata.type": format!("#microsoft.graph.{EMAIL}"), "id": "Emial", "state": "enabled"},
        ]});
        let error = AuthenticationMethodsPolicy::from_json(&document.to_string()).unwrap_err();
        assert_eq!(error.to_string(), "$.authenticationMethodConfigurations[0].id: must be Email");
    }

    #[test]
    fn a_policy_without_the_method_has_it_off_and_twice_is_a_fault() {
        let read = |ids: &[&str]| {
            let methods: Vec<Value> =
                ids.iter().map(|id| json!({ "id": id, "state": "enabled" })).collect();
            let document = json!({ "authenticationMethodConfigurations": methods });
            AuthenticationMethodsPolicy::from_json(&document.to_string())
        };
        let none = read(&["Sms"]).unwrap();
        assert_eq!(
            (none.method(Method::Email).state(), none.method_document(Method::Email)),
            (MethodState::Disabled, None)
        );
        let one = read(&["Sms", "EMAIL"]).unwrap();
        assert_eq!(one.method(Method::Email).state(), MethodState::Enabled);
        assert_eq!(one.method_document(Method::Email).unwrap()["id"], "EMAIL");
        assert_eq!(
            read(&["email", "Email"]).unwrap_err().to_string(),
            "$.authenticationMethodConfigurations[1].id: the e-mail method is configured twice"
        );
    }

    #[test]
    fn what_is_made_is_what_is_read() {
        let made = AuthenticationMethodsPolicy::email_for_all();
        let read = AuthenticationMethodsPolicy::from_json(&made.document().to_string());
        assert_eq!(read.unwrap(), made);
    }

    const SMS_EXPORT: &str = r##"{"authenticationMethodConfigurations": [
        {"@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration", "id": "Email",
         "state": "enabled", "includeTargets": [{"targetType": "group", "id": "all_users"}]},
        {"@odata.type": "#microsoft.graph.smsAuthenticationMethodConfiguration", "id": "Sms",
         "state": "enabled", "excludeTargets": [{"targetType": "group", "id": "staff"}],
         "includeTargets": [{"targetType": "group", "id": "all_users",
            "isRegistrationRequired": false, "isUsableForSignIn": false}]}]}"##;

    #[test]
    fn sms_is_read_as_graph_writes_it_and_its_other_fields_are_kept() {
        let policy = AuthenticationMethodsPolicy::from_json(SMS_EXPORT).unwrap();

        let sms = policy.method(Method::Sms);
        assert_eq!((sms.state(), sms.include()), (MethodState::Enabled, &[Target::AllUsers][..]));
        assert!(matches!(sms.exclude(), [Target::Group(_)]) && sms.is_offered());
        assert!(policy.method(Method::Email).exclude().is_empty());
        let target = &policy.method_document(Method::Sms).unwrap()["includeTargets"][0];
        assert_eq!(target["isUsableForSignIn"], false);
        assert_eq!(*policy.document(), serde_json::from_str::<Value>(SMS_EXPORT).unwrap());
    }

    #[test]
    fn sms_is_off_unless_the_document_switches_it_on() {
        for policy in [
            AuthenticationMethodsPolicy::email_for_all(),
            AuthenticationMethodsPolicy::from_email_json(r#"{"state": "enabled"}"#).unwrap(),
            AuthenticationMethodsPolicy::from_json(EXPORT).unwrap(),
        ] {
            assert!(!policy.method(Method::Sms).is_offered());
        }
        let made = AuthenticationMethodsPolicy::email_for_all().with_sms_for_all();
        assert!(made.method(Method::Sms).is_offered());
        let read = AuthenticationMethodsPolicy::from_json(&made.document().to_string());
        assert_eq!(read.unwrap(), made);
        assert_eq!(made.clone().with_sms_for_all(), made, "it is not there twice");
    }

    #[test]
    fn what_is_wrong_with_sms_is_named_with_its_path() {
        let error = |sms: &str| {
            let json = format!(r#"{{"authenticationMethodConfigurations": [{sms}]}}"#);
            AuthenticationMethodsPolicy::from_json(&json).unwrap_err().to_string()
        };
        let path = "$.authenticationMethodConfigurations[0]";
        assert_eq!(error(r#"{"id": "sms"}"#), format!("{path}: `state` is missing"));
        let almost = error(r#"{"id": "Sms", "state": "enabled", "IncludeTargets": []}"#);
        assert!(almost.starts_with(&format!("{path}.IncludeTargets: is not known; `")), "{almost}");
        let typed = format!("{{\"@odata.type\": \"#microsoft.graph.{SMS}\", \"id\": \"Text\"}}");
        assert_eq!(error(&typed), format!("{path}.id: must be Sms"));
        let twice = r#"{"id": "Sms", "state": "disabled"}, {"id": "SMS", "state": "enabled"}"#;
        let second = "$.authenticationMethodConfigurations[1].id";
        assert_eq!(error(twice), format!("{second}: the SMS method is configured twice"));
    }
}
