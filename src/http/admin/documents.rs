//! Takes Graph's documents apart and puts them together.

use serde_json::{Map, Value, json};

use super::change::Stored;
use crate::{
    domain::{Method, UserFlowId},
    policy::{AuthenticationMethodsPolicy, DocumentError, TenantPolicy, UserFlow},
};

/// Returns Graph's configuration of a method. If there is none, it is the default of SMS, or the
/// beginning of one for Email OTP.
pub(super) fn method_document(methods: &AuthenticationMethodsPolicy, method: Method) -> Value {
    methods.method_document(method).cloned().unwrap_or_else(|| match method {
        Method::Email => json!({
            "@odata.type": "#microsoft.graph.emailAuthenticationMethodConfiguration",
            "id": "Email",
        }),
        Method::Sms => default_sms(),
    })
}

/// Returns the configuration of SMS that Graph has before anybody changes it.
pub(super) fn default_sms() -> Value {
    json!({
        "@odata.type": "#microsoft.graph.smsAuthenticationMethodConfiguration",
        "id": "Sms",
        "state": "disabled",
        "includeTargets": [{
            "targetType": "group",
            "id": "all_users",
            "isRegistrationRequired": false,
            "isUsableForSignIn": false,
        }],
        "excludeTargets": [],
    })
}

/// Returns the flow's document with the id that the flow has here.
pub(super) fn document(flow: &UserFlow) -> Value {
    let mut document = flow.document().clone();
    if let Some(fields) = document.as_object_mut() {
        fields.insert("id".to_owned(), json!(flow.id().as_str()));
    }
    document
}

pub(super) fn unique_name(others: &[UserFlow], flow: &UserFlow) -> Result<(), DocumentError> {
    let taken = others.iter().any(|other| other.display_name() == flow.display_name());
    if taken {
        return Err(DocumentError::new("$.displayName", "another user flow has this name"));
    }
    Ok(())
}

/// Returns the id of the flow of that name, if the stored change was the one that created the flow.
pub(super) fn made_flow(stored: &Stored, name: &str) -> Option<UserFlowId> {
    let is_new = |made: &&UserFlow| stored.policy.user_flow(made.id()).is_none();
    let made = stored.next.as_ref()?.user_flows().iter().filter(is_new);
    made.into_iter().find(|made| made.display_name() == name).map(|made| made.id().clone())
}

/// Returns a policy in which one user flow is changed. No two flows have the same name afterwards.
pub(super) fn with_flow(
    policy: &TenantPolicy,
    id: &str,
    change: impl Fn(&UserFlow) -> Result<UserFlow, DocumentError>,
) -> Result<TenantPolicy, DocumentError> {
    let is_it = |flow: &UserFlow| flow.id().as_str() == id;
    let (chosen, others): (Vec<UserFlow>, _) = policy.user_flows().iter().cloned().partition(is_it);
    let Some(chosen) = chosen.first() else {
        return Err(DocumentError::new("User flow", "there is no such user flow"));
    };
    let changed = change(chosen)?;
    // A name that was already there twice may stay.
    if changed.display_name() != chosen.display_name() {
        unique_name(&others, &changed)?;
    }
    let each = policy.user_flows().iter().map(|flow| if is_it(flow) { &changed } else { flow });
    policy.clone().with_user_flows(each.cloned().collect())
}

/// Returns whether answers add a field of that name, so that a request may repeat the field.
pub(super) fn is_ours(name: &str) -> bool {
    name == "@odata.context" || name == DAMAGED
}

pub(super) fn replace_fields(document: &mut Value, fields: &Map<String, Value>) {
    if let Some(document) = document.as_object_mut() {
        for (name, value) in fields.iter().filter(|(name, _)| !is_ours(name)) {
            document.insert(name.clone(), value.clone());
        }
    }
}

pub(super) fn merge(document: &mut Value, patch: &Value) {
    match (document.as_object_mut(), patch.as_object()) {
        (Some(fields), Some(patch)) => {
            for (name, value) in patch.iter().filter(|(name, _)| !is_ours(name)) {
                merge(fields.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
        _ => *document = patch.clone(),
    }
}

/// Returns an object in a document, or `None` if the field is null or missing.
pub(super) fn part(document: &Value, name: &str) -> Option<Value> {
    document.get(name).filter(|part| part.is_object()).cloned()
}

pub(super) fn set(document: &mut Value, name: &str, value: Value) {
    if let Some(fields) = document.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

/// Returns the document with the fields of an answer: its context, and a warning if the stored
/// policy is damaged.
pub(super) fn annotated(document: &Value, context: &str, warning: Option<String>) -> Value {
    let mut document = document.clone();
    if let Some(fields) = document.as_object_mut() {
        fields.insert("@odata.context".to_owned(), json!(context));
        if let Some(warning) = warning {
            fields.insert(DAMAGED.to_owned(), json!(warning));
        }
    }
    document
}

const DAMAGED: &str = "@sspr.damaged";
