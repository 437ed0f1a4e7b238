//! User flows: the applications, and the ways in which their users sign in.

use serde_json::{Value, json};

use super::{
    graph::{DocumentError, Node, is_same_id},
    json::{DEEPEST_FLOW, parse_json},
};
use crate::domain::{ApplicationId, IdError, IdentityProvider, UserFlowId};

const FLOW: &str = "externalUsersSelfServiceSignUpEventsFlow";
/// The longest display name, in characters.
const LONGEST_NAME: usize = 256;
const PROVIDERS: [(&str, IdentityProvider); 4] = [
    ("EmailPassword-OAUTH", IdentityProvider::EmailPassword),
    ("EmailOtpSignup-OAUTH", IdentityProvider::EmailOtp),
    ("Google-OAUTH", IdentityProvider::Google),
    ("Facebook-OAUTH", IdentityProvider::Facebook),
];

/// The administrator's sign-up and sign-in configuration, as Graph's
/// `externalUsersSelfServiceSignUpEventsFlow`.
///
/// A user flow has no switch for password reset. Reset is offered if the flow lists e-mail with
/// password and the authentication methods policy allows Email OTP. Fields that this crate does not
/// know are kept and written back, with numbers as in [`AuthenticationMethodsPolicy`].
///
/// [`AuthenticationMethodsPolicy`]: super::AuthenticationMethodsPolicy
#[derive(Clone, Debug, PartialEq)]
pub struct UserFlow {
    document: Value,
    id: UserFlowId,
    display_name: String,
    applications: Applications,
    identity_providers: Vec<IdentityProvider>,
}

/// The applications that a user flow covers.
#[derive(Clone, Debug, PartialEq, Eq)]
// Exhaustive: Graph has these two.
pub enum Applications {
    /// All applications of the tenant.
    All,
    /// Only these applications.
    Listed(Vec<ApplicationId>),
}

impl UserFlow {
    /// Creates a flow for all applications, with e-mail and password.
    ///
    /// # Errors
    /// [`IdError`] if the text is not a valid id.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::UserFlow;
    ///
    /// let flow = UserFlow::email_with_password("sign-in")?;
    /// assert!(flow.has_passwords());
    /// # Ok::<(), sspr::domain::IdError>(())
    /// ```
    pub fn email_with_password(id: &str) -> Result<Self, IdError> {
        let identity_providers = vec![IdentityProvider::EmailPassword];
        let document = json!({
            "@odata.type": format!("#microsoft.graph.{FLOW}"),
            "id": id,
            "displayName": id,
            "conditions": {"applications": {"includeAllApplications": true}},
            "onInteractiveAuthFlowStart": {
                "@odata.type":
                    "#microsoft.graph.onInteractiveAuthFlowStartExternalUsersSelfServiceSignUp",
                "isSignUpAllowed": true,
            },
            "onAuthenticationMethodLoadStart": {
                "@odata.type":
                    "#microsoft.graph.onAuthenticationMethodLoadStartExternalUsersSelfServiceSignUp",
                "identityProviders": [{"id": "EmailPassword-OAUTH"}],
            },
        });
        Ok(Self {
            applications: Applications::All,
            display_name: id.to_owned(),
            document,
            id: UserFlowId::parse(id)?,
            identity_providers,
        })
    }

    /// Reads Graph's document. A flow without `id` (before Graph has created the flow) gets its
    /// name as the id.
    ///
    /// # Errors
    /// [`DocumentError`] names the JSON path and the rule.
    ///
    /// # Examples
    /// ```
    /// use sspr::policy::UserFlow;
    ///
    /// let flow = UserFlow::email_with_password("sign-in")?;
    /// let json = flow.document().to_string();
    /// assert_eq!(UserFlow::from_json(&json)?.id(), flow.id());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn from_json(json: &str) -> Result<Self, DocumentError> {
        Self::read(&Node::root(&parse_json(json, DEEPEST_FLOW)?))
    }

    pub(super) fn read(node: &Node<'_>) -> Result<Self, DocumentError> {
        node.knows(&[
            "@odata.type",
            "id",
            "displayName",
            "conditions",
            "onAuthenticationMethodLoadStart",
        ])?;
        node.odata_type(FLOW)?;
        let name = node.required("displayName")?;
        let display_name = name.read(display_name)?;
        let id = node.field("id")?.unwrap_or_else(|| name.clone()).read(UserFlowId::parse)?;
        let mut applications = Applications::Listed(Vec::new());
        if let Some(conditions) = node.field("conditions")? {
            conditions.knows(&["applications"])?;
            if let Some(listed) = conditions.field("applications")? {
                applications = read_applications(&listed)?;
            }
        }
        let mut identity_providers = Vec::new();
        if let Some(load) = node.field("onAuthenticationMethodLoadStart")? {
            load.knows(&["identityProviders"])?;
            for provider in load.required("identityProviders")?.items()? {
                identity_providers.push(read_provider(&provider)?);
            }
        }
        let document = node.value().clone();
        Ok(Self { applications, display_name, document, id, identity_providers })
    }

    /// Returns the document, as Graph writes it.
    #[must_use]
    pub const fn document(&self) -> &Value {
        &self.document
    }

    /// Returns the id of the flow.
    #[must_use]
    pub const fn id(&self) -> &UserFlowId {
        &self.id
    }

    /// Returns the name that administrators see.
    #[must_use]
    pub fn display_name(&self) -> &str {
        &self.display_name
    }

    /// Returns the applications that the flow covers.
    #[must_use]
    pub const fn applications(&self) -> &Applications {
        &self.applications
    }

    /// Returns the identity providers with which customers of this flow sign in.
    #[must_use]
    pub fn identity_providers(&self) -> &[IdentityProvider] {
        &self.identity_providers
    }

    /// Returns whether the flow covers that application.
    #[must_use]
    pub fn covers(&self, application: &ApplicationId) -> bool {
        match &self.applications {
            Applications::All => true,
            Applications::Listed(listed) => {
                listed.iter().any(|id| is_same_id(id.as_str(), application.as_str()))
            }
        }
    }

    /// Returns whether the flow covers any application.
    pub(super) fn has_applications(&self) -> bool {
        !matches!(&self.applications, Applications::Listed(listed) if listed.is_empty())
    }

    /// Returns whether customers of this flow sign in with e-mail and password.
    #[must_use]
    pub fn has_passwords(&self) -> bool {
        self.identity_providers.contains(&IdentityProvider::EmailPassword)
    }
}

/// Reads a name that a form can show on one line and return.
fn display_name(text: &str) -> Result<String, &'static str> {
    let is_short = text.chars().count() <= LONGEST_NAME;
    if text.trim().is_empty() || !is_short || text.chars().any(char::is_control) {
        return Err("must be 1 to 256 characters, not blank, without control characters");
    }
    Ok(text.to_owned())
}

fn read_applications(node: &Node<'_>) -> Result<Applications, DocumentError> {
    node.knows(&["includeAllApplications", "includeApplications"])?;
    let all = match node.field("includeAllApplications")? {
        Some(all) => all.flag()?,
        None => false,
    };
    let listed = node.present("includeApplications")?;
    let listed = listed.map_or_else(|| Ok(Vec::new()), |list| list.items())?;
    let id = |item: &Node<'_>| {
        item.knows(&["appId"])?;
        item.required("appId")?.read(ApplicationId::parse)
    };
    let listed = listed.iter().map(id).collect::<Result<_, _>>()?;
    Ok(if all { Applications::All } else { Applications::Listed(listed) })
}

fn read_provider(node: &Node<'_>) -> Result<IdentityProvider, DocumentError> {
    node.knows(&["id"])?;
    let id = node.required("id")?.text()?;
    let known = PROVIDERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(id));
    Ok(known.map_or(IdentityProvider::Other, |(_, provider)| *provider))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPORT: &str = r##"{
        "@odata.type": "#microsoft.graph.externalUsersSelfServiceSignupEventsFlow",
        "displayName": "Shop sign-in", "description": null, "priority": 500,
        "conditions": {"applications": {"includeAllApplications": false,
            "includeApplications": [{"appId": "63856651-0000-4000-8000-000000000000"}]}},
        "onInteractiveAuthFlowStart": {"isSignUpAllowed": true},
        "onAuthenticationMethodLoadStart": {"identityProviders":
            [{"id": "EmailPassword-OAUTH"}, {"id": "Google-OAUTH"}, {"id": "Apple-Managed-OIDC"}]},
        "onAttributeCollection": {"attributes": [{"id": "email", "future": [1]}]}}"##;

    #[test]
    fn an_export_loads_as_it_is_and_is_written_back_whole() {
        let flow = UserFlow::from_json(EXPORT).unwrap();
        let shop = ApplicationId::parse("63856651-0000-4000-8000-000000000000").unwrap();

        assert_eq!(flow.id().as_str(), "Shop sign-in");
        assert!(flow.covers(&shop) && flow.has_passwords());
        assert!(!flow.covers(&ApplicationId::parse("other").unwrap()));
        assert_eq!(flow.identity_providers()[2], IdentityProvider::Other);
        assert_eq!(*flow.document(), serde_json::from_str::<Value>(EXPORT).unwrap());
    }

    #[test]
    fn what_is_wrong_is_named_with_its_path() {
        let broken = EXPORT.replace(r#"{"appId": "63856651-0000-4000-8000-000000000000"}"#, "{}");
        let error = UserFlow::from_json(&broken).unwrap_err();
        assert_eq!(error.path, "$.conditions.applications.includeApplications[0]");
        let cut = &EXPORT[..EXPORT.len() / 2];
        assert!(UserFlow::from_json(cut).unwrap_err().rule.starts_with("not complete JSON"));
    }

    #[test]
    fn a_field_that_is_almost_a_known_one_is_refused_at_every_level() {
        for (fields, path) in [
            (r#""DisplayName": "f""#, "$.DisplayName"),
            (r#""ID": "f""#, "$.ID"),
            (r#""condition": {}"#, "$.condition"),
            (r#""onauthenticationMethodLoadStart": {}"#, "$.onauthenticationMethodLoadStart"),
            (r#""conditions": {"aplications": {}}"#, "$.conditions.aplications"),
            (
                r#""conditions": {"applications": {"includeAllApplication": true}}"#,
                "$.conditions.applications.includeAllApplication",
            ),
            (
                r#""conditions": {"applications": {"IncludeApplications": []}}"#,
                "$.conditions.applications.IncludeApplications",
            ),
            (
                r#""conditions": {"applications": {"includeApplications": [{"appId": "a", "appID": "b"}]}}"#,
                "$.conditions.applications.includeApplications[0].appID",
            ),
            (
                r#""onAuthenticationMethodLoadStart": {"identityProvider": []}"#,
                "$.onAuthenticationMethodLoadStart.identityProvider",
            ),
            (
                r#""onAuthenticationMethodLoadStart": {"identityProviders": [{"id": "a", "di": "b"}]}"#,
                "$.onAuthenticationMethodLoadStart.identityProviders[0].di",
            ),
        ] {
            let error = UserFlow::from_json(&format!(r#"{{"displayName": "f", {fields}}}"#));
            assert_eq!(error.unwrap_err().path, path);
        }
        // Unknown fields are kept, even if their names are known in another place.
        let json = r#"{"displayName": "f", "state": 1, "appId": 2, "priority": 500}"#;
        let kept = UserFlow::from_json(json).unwrap();
        assert_eq!(*kept.document(), serde_json::from_str::<Value>(json).unwrap());
    }

    #[test]
    fn a_list_that_is_not_used_now_is_read_all_the_same() {
        for (listed, path) in [
            ("null", "$.conditions.applications.includeApplications"),
            ("{}", "$.conditions.applications.includeApplications"),
            ("[{}]", "$.conditions.applications.includeApplications[0]"),
        ] {
            let json = format!(
                r#"{{"displayName": "f", "conditions": {{"applications":
                    {{"includeAllApplications": true, "includeApplications": {listed}}}}}}}"#
            );
            assert_eq!(UserFlow::from_json(&json).unwrap_err().path, path, "{listed}");
        }
    }

    #[test]
    fn a_display_name_fits_into_one_line_of_a_form() {
        let read =
            |name: &str| UserFlow::from_json(&json!({"id": "f", "displayName": name}).to_string());
        let long = "\u{e9}".repeat(256);
        assert_eq!(read(&long).unwrap().display_name(), long);
        for bad in ["", " ", "a\nb", "a\u{0}", &format!("{long}a")] {
            assert_eq!(read(bad).unwrap_err().path, "$.displayName", "{bad:?}");
        }
    }

    #[test]
    fn a_flow_is_for_all_applications_or_for_those_that_it_lists() {
        let read = |conditions: &str| {
            UserFlow::from_json(&format!(r#"{{"displayName": "f", "conditions": {conditions}}}"#))
                .unwrap()
        };
        let all = read(
            r#"{"applications": {"includeAllApplications": true,
            "includeApplications": [{"appId": "a"}]}}"#,
        );
        assert_eq!(*all.applications(), Applications::All);
        for nowhere in ["null", "{}", r#"{"applications": {}}"#] {
            assert_eq!(
                *read(nowhere).applications(),
                Applications::Listed(Vec::new()),
                "{nowhere}"
            );
        }
        let guid = "63856651-0000-4000-8000-aabbccddeeff";
        let listed = read(&format!(
            r#"{{"applications": {{"includeApplications": [{{"appId": "{guid}"}}, {{"appId": "shop"}}]}}}}"#
        ));
        let covers = |id: &str| listed.covers(&ApplicationId::parse(id).unwrap());
        assert!(covers(guid) && covers(&guid.to_uppercase()) && covers("shop"));
        assert!(!covers("Shop"));
        let flow = UserFlow::email_with_password("sign-in").unwrap();
        let written = UserFlow::from_json(&flow.document().to_string()).unwrap();
        assert_eq!(written, flow, "what is made is what is read");
    }

    #[test]
    fn providers_are_known_by_their_name_in_any_case() {
        let providers: Vec<String> = PROVIDERS
            .iter()
            .map(|(id, _)| format!(r#"{{"id": "{}"}}"#, id.to_lowercase()))
            .collect();
        let json = format!(
            r#"{{"id": "f-1", "displayName": "f", "onAuthenticationMethodLoadStart":
                {{"identityProviders": [{}]}}}}"#,
            providers.join(",")
        );
        let flow = UserFlow::from_json(&json).unwrap();
        assert_eq!(flow.identity_providers(), PROVIDERS.map(|(_, provider)| provider));
        assert_eq!((flow.id().as_str(), flow.display_name()), ("f-1", "f"));
    }
}
