//! The authentication methods policy. Email OTP is the only method that this crate uses.

use serde_json::{Value, json};

use super::{
    graph::{DocumentError, Node, is_same_id},
    json::{DEEPEST_EMAIL, DEEPEST_METHODS, parse_json},
};
use crate::domain::{Account, GroupId};

const EMAIL: &str = "emailAuthenticationMethodConfiguration";

/// The authentication methods and the accounts that may use them, as Graph's
/// `authenticationMethodsPolicy`.
///
/// An account can use Email OTP if the method is enabled, some include target covers the account
/// and no exclude target does. **An exclude always wins.** An empty list of include targets covers
/// no account. Ids are compared exactly, except that GUIDs are compared without regard to case.
///
/// Other methods and unknown fields are kept and written back. Numbers that are not 64-bit integers
/// keep the precision of an `f64`.
#[derive(Clone, Debug, PartialEq)]
pub struct AuthenticationMethodsPolicy {
    document: Value,
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
            exclude: Vec::new(),
            include: vec![Target::AllUsers],
            state: MethodState::Enabled,
        }
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
        let mut email = parse_json(json, DEEPEST_EMAIL)?;
        let (state, include, exclude) = read_email(&Node::root(&email))?;
        let is_named = match Node::root(&email).field("id")? {
            Some(id) if id.text()?.eq_ignore_ascii_case("email") => true,
            Some(id) => return Err(id.fault("must be Email")),
            None => false,
        };
        // Without its name the method would not be found in the document that is kept.
        if let (false, Some(fields)) = (is_named, email.as_object_mut()) {
            fields.insert("id".to_owned(), json!("Email"));
        }
        let document = json!({ "authenticationMethodConfigurations": [email] });
        Ok(Self { document, exclude, include, state })
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
            exclude: Vec::new(),
            include: Vec::new(),
            state: MethodState::Disabled,
        }
    }

    pub(super) fn read(node: &Node<'_>) -> Result<Self, DocumentError> {
        node.knows(&["@odata.type", "authenticationMethodConfigurations"])?;
        node.odata_type("authenticationMethodsPolicy")?;
        let configurations = node.required("authenticationMethodConfigurations")?;
        let mut email = None;
        for configuration in configurations.items()? {
            configuration.knows(&["@odata.type", "id"])?;
            let id = configuration.required("id")?;
            if !id.text()?.eq_ignore_ascii_case("email") {
                // Under another name the method would be off without any warning.
                if configuration.present("@odata.type")?.is_some()
                    && configuration.odata_type(EMAIL).is_ok()
                {
                    return Err(id.fault("must be Email"));
                }
            } else if email.replace(configuration).is_some() {
                return Err(id.fault("the e-mail method is configured twice"));
            }
        }
        let (state, include, exclude) = match &email {
            Some(email) => read_email(email)?,
            None => (MethodState::Disabled, Vec::new(), Vec::new()),
        };
        Ok(Self { document: node.value().clone(), exclude, include, state })
    }

    /// Returns the document, as Graph writes it.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Returns Graph's `emailAuthenticationMethodConfiguration`, if there is one.
    #[must_use]
    pub fn email_document(&self) -> Option<&Value> {
        let all = self.document.get("authenticationMethodConfigurations")?.as_array()?;
        let is_email = |method: &&Value| {
            let id = method.get("id").and_then(Value::as_str);
            id.is_some_and(|id| id.eq_ignore_ascii_case("email"))
        };
        all.iter().find(is_email)
    }

    /// Returns whether Email OTP is switched on.
    #[must_use]
    pub const fn state(&self) -> MethodState {
        self.state
    }

    /// Returns the targets that Email OTP includes.
    #[must_use]
    pub fn include(&self) -> &[Target] {
        &self.include
    }

    /// Returns the targets that Email OTP excludes, whatever the include targets say.
    #[must_use]
    pub fn exclude(&self) -> &[Target] {
        &self.exclude
    }

    pub(super) fn includes(&self, account: &Account) -> bool {
        self.include.iter().any(|target| target.covers(account))
    }

    pub(super) fn excludes(&self, account: &Account) -> bool {
        self.exclude.iter().any(|target| target.covers(account))
    }
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

type Email = (MethodState, Vec<Target>, Vec<Target>);

fn read_email(node: &Node<'_>) -> Result<Email, DocumentError> {
    node.knows(&["@odata.type", "id", "state", "includeTargets", "excludeTargets"])?;
    node.odata_type(EMAIL)?;
    let states = [("enabled", MethodState::Enabled), ("disabled", MethodState::Disabled)];
    let state = node.required("state")?.word(&states)?;
    let targets = |name| -> Result<Vec<Target>, DocumentError> {
        match node.present(name)? {
            Some(list) => list.items()?.iter().map(Target::read).collect(),
            None => Ok(Vec::new()),
        }
    };
    Ok((state, targets("includeTargets")?, targets("excludeTargets")?))
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

        assert_eq!(policy.state(), MethodState::Enabled);
        assert_eq!(policy.include(), [Target::AllUsers]);
        assert!(matches!(policy.exclude(), [Target::Group(_)]));
        assert_eq!(*policy.document(), serde_json::from_str::<Value>(EXPORT).unwrap());
        assert_eq!(policy.email_document().unwrap()["future"], true);
    }

    #[test]
    fn what_is_read_alone_is_found_in_the_document_that_is_kept() {
        for id in [r#""id": "Email","#, r#""id": null,"#, ""] {
            let json = format!(r#"{{{id} "state": "enabled", "includeTargets": []}}"#);
            let policy = AuthenticationMethodsPolicy::from_email_json(&json).unwrap();
            let again = AuthenticationMethodsPolicy::from_json(&policy.document().to_string());

            assert_eq!(again.unwrap(), policy, "{id}");
            assert_eq!(policy.email_document().unwrap()["id"], "Email");
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
            let kept = &policy.email_document().unwrap()["unknown"];

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
            whole(r#"{"authenticationMethodConfigurations": [{"id": "Sms", "iD": "Email"}]}"#);
        assert_eq!(other.unwrap_err().path, "$.authenticationMethodConfigurations[0].iD");
        // For other methods only the id counts.
        let kept = r#"{"authenticationMethodConfigurations": [{"id": "Sms", "State": 1, "excludeTarget": []}]}"#;
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
        assert_eq!((none.state(), none.email_document()), (MethodState::Disabled, None));
        let one = read(&["Sms", "EMAIL"]).unwrap();
        assert_eq!(one.state(), MethodState::Enabled);
        assert_eq!(one.email_document().unwrap()["id"], "EMAIL");
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
}
