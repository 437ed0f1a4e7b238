//! The changes that a form of the page makes in a document. Untouched fields keep their spelling.

use std::collections::{HashMap, HashSet};

use serde_json::{Value, json};

use super::{
    choices::PROVIDERS,
    documents::{method_document, part, set},
    text_limits::TEXT_LIMITS,
};
use crate::{
    domain::Method,
    policy::{
        Applications, AuthenticationMethodsPolicy, CurrentPassword, DocumentError, MethodState,
        PasswordRules, PasswordRulesError, Target, TenantPolicy, UserFlow, target_key,
    },
};

/// The part of a form that switches a method on, and says for whom.
pub(super) struct MethodEdit {
    pub(super) method: Method,
    pub(super) state: MethodState,
    /// True if the method is for all users instead of only the chosen ones.
    pub(super) for_all: bool,
    /// The types and ids of the chosen targets.
    pub(super) include: Vec<(&'static str, String)>,
    pub(super) exclude: Vec<(&'static str, String)>,
}

/// The form for SMS.
pub(super) struct SmsEdit<'a> {
    pub(super) method: MethodEdit,
    pub(super) countries: Vec<&'a str>,
    /// The values of [`TEXT_LIMITS`]. 0 stands for a text that is no number.
    pub(super) limits: [u32; TEXT_LIMITS.len()],
}

/// The form for a user flow.
pub(super) struct FlowEdit<'a> {
    pub(super) name: &'a str,
    pub(super) providers: Vec<&'a str>,
    /// The listed applications. `None` means all applications.
    pub(super) applications: Option<Vec<&'a str>>,
}

/// The form for the password rules.
pub(super) struct RulesEdit<'a> {
    pub(super) rules: PasswordRules,
    pub(super) min_length: usize,
    pub(super) terms: Vec<&'a str>,
    pub(super) current: CurrentPassword,
}

impl MethodEdit {
    pub(super) fn made(
        &self,
        methods: &AuthenticationMethodsPolicy,
    ) -> Result<AuthenticationMethodsPolicy, DocumentError> {
        let is_on = self.state == MethodState::Enabled;
        if is_on && !self.for_all && self.include.is_empty() {
            let rule = "choose at least one group, or all users: an empty list is nobody";
            return Err(DocumentError::new("Include", rule));
        }
        let is_default = !is_on && self.for_all && self.exclude.is_empty();
        let is_new = methods.method_document(self.method).is_none();
        if self.method == Method::Sms && is_new && is_default {
            return Ok(methods.clone());
        }
        let now = methods.method(self.method);
        let mut document = method_document(methods, self.method);
        if is_new || now.state() != self.state {
            set(&mut document, "state", json!(if is_on { "enabled" } else { "disabled" }));
        }
        let was_for_all = now.include().contains(&Target::AllUsers);
        let everybody = ("group", "all_users".to_owned());
        let include = match (was_for_all, self.for_all) {
            // Groups beside all users stay if they are still chosen.
            (true, true) => {
                let shown = now.include().iter().map(Target::key).collect::<HashSet<_>>();
                let is_shown =
                    |(kind, id): &&(&'static str, String)| shown.contains(&target_key(kind, id));
                let kept = self.include.iter().filter(is_shown).cloned();
                core::iter::once(everybody).chain(kept).collect()
            }
            (false, true) => vec![everybody],
            (_, false) => self.include.clone(),
        };
        set_targets(&mut document, "includeTargets", now.include(), &include);
        set_targets(&mut document, "excludeTargets", now.exclude(), &self.exclude);
        methods.with_method(self.method, &document.to_string())
    }
}

impl SmsEdit<'_> {
    pub(super) fn made(&self, policy: &TenantPolicy) -> Result<TenantPolicy, DocumentError> {
        let is_on = self.method.state == MethodState::Enabled;
        let email = policy.authentication_methods().method(Method::Email);
        if is_on && !email.is_offered() {
            let rule = "works only beside Email OTP; enable Email OTP for somebody first";
            return Err(DocumentError::new("SMS", rule));
        }
        if is_on && self.countries.is_empty() {
            let rule = "name at least one country, or switch SMS off";
            return Err(DocumentError::new("Countries", rule));
        }
        let mut limits = policy.limits().to_builder();
        for (limit, value) in TEXT_LIMITS.iter().zip(self.limits) {
            if value == 0 {
                let rule = "must be a whole number from 1 to 4294967295";
                return Err(DocumentError::new(limit.name, rule));
            }
            limits = (limit.set)(limits, value);
        }
        let limits =
            limits.build().map_err(|error| DocumentError::new("Limits", error.to_string()))?;
        let methods = self.method.made(policy.authentication_methods())?;
        let policy = policy.clone().with_authentication_methods(methods).with_limits(limits);
        let at = |error: DocumentError| DocumentError::new("Countries", error.rule);
        policy.with_sms_countries(self.countries.iter().copied()).map_err(at)
    }
}

impl FlowEdit<'_> {
    pub(super) fn made(&self, flow: &UserFlow) -> Result<UserFlow, DocumentError> {
        let mut document = flow.document().clone();
        if self.name != flow.display_name() {
            // Without an id, the flow would be another one under its new name.
            set(&mut document, "id", json!(flow.id().as_str()));
            set(&mut document, "displayName", json!(self.name.trim()));
        }
        self.set_providers(&mut document)?;
        self.set_applications(&mut document, flow.applications());
        UserFlow::from_json(&document.to_string())
    }

    fn set_providers(&self, document: &mut Value) -> Result<(), DocumentError> {
        let load = part(document, "onAuthenticationMethodLoadStart");
        let mut load = load.unwrap_or_else(|| json!({
            "@odata.type": "#microsoft.graph.onAuthenticationMethodLoadStartExternalUsersSelfServiceSignUp",
        }));
        let old = load.get("identityProviders").and_then(Value::as_array);
        let old = old.cloned().unwrap_or_default();
        let named = |entry: &Value, id: &str| {
            let known = entry.get("id").and_then(Value::as_str);
            known.is_some_and(|known| known.eq_ignore_ascii_case(id))
        };
        // Providers that the page does not offer stay in the document.
        let stays = |entry: &&Value| {
            self.providers.iter().any(|id| named(entry, id))
                || !PROVIDERS.iter().any(|(id, ..)| named(entry, id))
        };
        let kept = old.iter().filter(stays).cloned();
        let is_new = |id: &&&str| !old.iter().any(|entry| named(entry, id));
        let added = self.providers.iter().filter(is_new).map(|id| json!({ "id": id }));
        let providers: Vec<Value> = kept.chain(added).collect();
        if providers == old {
            return Ok(());
        }
        if providers.is_empty() {
            return Err(DocumentError::new("Identity providers", "choose at least one"));
        }
        set(&mut load, "identityProviders", json!(providers));
        set(document, "onAuthenticationMethodLoadStart", load);
        Ok(())
    }

    fn set_applications(&self, document: &mut Value, before: &Applications) {
        let is_same = match (before, &self.applications) {
            (Applications::All, None) => true,
            (Applications::Listed(old), Some(new)) => {
                old.iter().map(|id| id.as_str()).eq(new.iter().copied())
            }
            _ => false,
        };
        if is_same {
            return;
        }
        let mut conditions = part(document, "conditions").unwrap_or_else(|| json!({}));
        let mut covered = part(&conditions, "applications").unwrap_or_else(|| json!({}));
        set(&mut covered, "includeAllApplications", json!(self.applications.is_none()));
        if let Some(listed) = &self.applications {
            let old = covered.get("includeApplications").and_then(Value::as_array);
            let old: HashMap<&str, &Value> = old
                .into_iter()
                .flatten()
                .filter_map(|entry| Some((entry.get("appId")?.as_str()?, entry)))
                .collect();
            // An entry of the same application keeps its other fields.
            let entry = |id: &&str| {
                old.get(*id).map_or_else(|| json!({ "appId": id }), |entry| (*entry).clone())
            };
            let list: Vec<Value> = listed.iter().map(entry).collect();
            set(&mut covered, "includeApplications", json!(list));
        }
        set(&mut conditions, "applications", covered);
        set(document, "conditions", conditions);
    }
}

impl RulesEdit<'_> {
    pub(super) fn made(&self) -> Result<PasswordRules, DocumentError> {
        let invalid =
            |error: PasswordRulesError| DocumentError::new("Password rules", error.to_string());
        let rules = self.rules.clone().with_min_length(self.min_length).map_err(invalid)?;
        let rules = rules.with_terms(self.terms.iter().copied()).map_err(invalid)?;
        Ok(rules.with_current_refused(self.current))
    }
}

/// Sets a list of targets. The entry of a target that is still chosen keeps its place and all of
/// its fields.
fn set_targets(
    method: &mut Value,
    name: &str,
    before: &[Target],
    chosen: &[(&'static str, String)],
) {
    let keys: HashSet<String> = chosen.iter().map(|(kind, id)| target_key(kind, id)).collect();
    let mut known: HashSet<String> = before.iter().map(Target::key).collect();
    let old = method.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    let pairs = old.iter().zip(before);
    let kept = pairs.filter(|(_, target)| keys.contains(&target.key())).map(|(entry, _)| entry);
    let is_new = |(kind, id): &&(&'static str, String)| known.insert(target_key(kind, id));
    let added = chosen.iter().filter(is_new);
    let added = added.map(|(kind, id)| json!({ "targetType": kind, "id": id }));
    let list: Vec<Value> = kept.cloned().chain(added).collect();
    if list != old {
        set(method, name, json!(list));
    }
}
